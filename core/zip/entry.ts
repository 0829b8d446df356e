/**
 * What goes into a zip archive, and in which order: by the UTF-8 bytes of the names.
 *
 * Entries of one or more trees become headers, each with all that is said about it. Knows neither
 * offsets nor bytes, and looks into no content: sizes and CRCs come with the entries.
 */
import { crc32 } from "node:zlib"
import type { Digest } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import { type Header, makeStamp, methodDeflate, methodStored, modes, type Stamp } from "./header.js"

/** How a file is sent: its content as it is, or its stored form (see the blob port). */
export type ZipSource =
  | { readonly method: "stored" }
  | {
      readonly method: "deflate"
      /** Bytes of the stored form, so without the last two of the deflate stream. */
      readonly deflatedSize: number
      readonly storedDigest: Digest
    }

interface Located {
  /** Without a slash at the end, directories too. */
  readonly path: RelativePath
  /** Milliseconds UTC, in place of the time of the tree. */
  readonly modified?: number
}

export interface ZipFile extends Located {
  readonly kind: "file"
  readonly executable?: boolean
  readonly digest: Digest
  readonly size: number
  readonly crc32: number
  readonly source: ZipSource
}

export interface ZipDirectory extends Located {
  readonly kind: "directory"
}

export interface ZipSymlink extends Located {
  readonly kind: "symlink"
  readonly target: string
}

export type ZipEntry = ZipFile | ZipDirectory | ZipSymlink

/** Entries below one folder. With a prefix and no entry, that folder is there, empty. */
export interface ZipTree {
  readonly prefix?: RelativePath
  /** Milliseconds UTC. */
  readonly modified: number
  readonly entries: ReadonlyArray<ZipEntry>
}

/** An entry under its full name. */
export interface Placed extends Header {
  readonly entry: ZipEntry
}

// The empty last block of a deflate stream, which the stored form lacks (RFC 1951, 3.2.6).
export const deflateEnd = Uint8Array.of(0x03, 0x00)

const nothing = new Uint8Array(0)

const inline = (
  name: string,
  stamp: Stamp,
  entry: ZipDirectory | ZipSymlink,
  mode: number,
  bytes: Uint8Array,
): Placed => ({
  name,
  nameLength: Buffer.byteLength(name),
  mode,
  method: methodStored,
  crc32: crc32(bytes),
  size: bytes.length,
  compressedSize: bytes.length,
  stamp,
  entry,
})

const placeEntry = (path: string, stamp: Stamp, entry: ZipEntry): Placed => {
  if (entry.kind === "directory") return inline(`${path}/`, stamp, entry, modes.directory, nothing)
  if (entry.kind === "symlink")
    return inline(path, stamp, entry, modes.symlink, Buffer.from(entry.target))
  const { source, size } = entry
  const deflate = source.method === "deflate"
  return {
    name: path,
    nameLength: Buffer.byteLength(path),
    mode: entry.executable === true ? modes.executable : modes.file,
    method: deflate ? methodDeflate : methodStored,
    crc32: entry.crc32,
    size,
    compressedSize: deflate ? source.deflatedSize + deflateEnd.length : size,
    stamp,
    entry,
  }
}

const placeTree = ({ prefix, modified, entries }: ZipTree): ReadonlyArray<Placed> => {
  const stamp = makeStamp(modified)
  if (prefix !== undefined && entries.length === 0)
    return [placeEntry(prefix, stamp, { kind: "directory", path: prefix })]
  return entries.map((entry) =>
    placeEntry(
      prefix === undefined ? entry.path : `${prefix}/${entry.path}`,
      entry.modified === undefined ? stamp : makeStamp(entry.modified),
      entry,
    ),
  )
}

/** A name as an archive has it: that of a directory ends in a slash. */
interface Named {
  readonly name: string
}

/**
 * Of names in the order of their bytes: the first that comes twice, or that lies below one which
 * is no directory (`above`).
 */
export const findClash = <N extends Named>(
  sorted: Iterable<N>,
): { readonly named: N; readonly above?: N } | undefined => {
  // Names that begin alike are neighbours: this stack holds each file whose name begins the next.
  const open: Array<N> = []
  let last: string | undefined
  for (const named of sorted) {
    const { name } = named
    if (name === last) return { named }
    last = name
    let above = open.at(-1)
    while (above !== undefined && !name.startsWith(above.name)) {
      open.pop()
      above = open.at(-1)
    }
    if (above !== undefined && name[above.name.length] === "/") return { named, above }
    if (!name.endsWith("/")) open.push(named)
  }
  return undefined
}

const refuseClashes = (placed: ReadonlyArray<Placed>): void => {
  const clash = findClash(placed)
  if (clash === undefined) return
  const { named, above } = clash
  const how = above === undefined ? "twice" : `below ${above.name}, which is no directory`
  throw new Error(`the archive would hold ${named.name} ${how}`)
}

/** All entries in order. Throws on two with one path, or one below a file or link: a defect. */
export const placeTrees = (trees: ReadonlyArray<ZipTree>): ReadonlyArray<Placed> => {
  const placed = trees.flatMap(placeTree).sort((a, b) => compareUtf8(a.name, b.name))
  refuseClashes(placed)
  return placed
}

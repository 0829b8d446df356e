/**
 * Archives: the files of one version, or of several as folders, as a zip that is known before a
 * byte of it is read.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStat, BlobStoreShape, ByteRange } from "../blob/blob-store.js"
import type { Check } from "../directory/judge.js"
import type { LinkedFiles } from "../directory/linked.js"
import {
  BlobCorrupted,
  type ContentGone,
  type Failure,
  InvalidInput,
  type Refusal,
} from "../errors.js"
import { candidateCountMax, compositeCountMax, pathBytesMax } from "../limits.js"
import type { ArtifactVersion } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { checkCount, refuse, text } from "../model/input.js"
import { isRelativePath, pathProblem, type RelativePath } from "../model/path.js"
import type { TreeEntry } from "../model/tree.js"
import type { ZipEntry, ZipFile, ZipTree } from "../zip/entry.js"
import { zipLayout } from "../zip/layout.js"
import { type ContentOpener, zipStream } from "../zip/stream.js"
import type { ZipOptions } from "./call-options.js"
import {
  type Bytes,
  blobsOf,
  type ContentSource,
  checkedRange,
  named,
  type Opened,
} from "./content.js"

import type { Engine } from "./engine.js"
import type { LaidOut } from "./layouts.js"
import { type AnySource, openContent, parseCheck } from "./linked-content.js"
import { operations } from "./operations.js"

/** An archive as it will be sent: everything about it is known before a byte is read. */
export interface ArchiveOf<Sent> {
  /** Bytes. */
  readonly size: number
  /** Strong, in quotes (RFC 9110, 8.8.3). */
  readonly etag: string
  readonly filename: string
  /** The bytes, or a half-open range of them. */
  readonly stream: (range?: ByteRange) => Sent
}

/** What of the versions is sent, and below which folder. */
export interface ZipPlan {
  readonly check: Check
  readonly prefix: RelativePath | undefined
  /** Paths of files or folders; undefined for everything. */
  readonly only: ReadonlyArray<RelativePath> | undefined
}

const relative = (value: unknown, at: string): RelativePath => {
  const given = text(value, at, pathBytesMax)
  // A folder may be written as one.
  const path = given.endsWith("/") ? given.slice(0, -1) : given
  return isRelativePath(path) ? path : refuse(at, pathProblem(path) ?? "is no path")
}

/** Throws `InvalidInput` for what is no folder or no path. */
export const parseZip = ({ prefix, only, check }: ZipOptions): ZipPlan => {
  const paths: ReadonlyArray<unknown> = typeof only === "string" ? [only] : (only ?? [])
  if (only !== undefined && (!Array.isArray(paths) || paths.length === 0))
    refuse("options.only", "is neither a path nor a list of paths")
  checkCount("compositeCountMax", compositeCountMax, paths.length)
  return {
    check: parseCheck(check),
    prefix: prefix === undefined ? undefined : relative(prefix, "options.prefix"),
    only:
      only === undefined
        ? undefined
        : Array.from(paths, (path, at) => relative(path, `options.only[${at}]`)),
  }
}

/** One version in an archive. */
interface Part extends Opened {
  readonly version: ArtifactVersion
  /** Files that lie in place. */
  readonly linked?: LinkedFiles
}

const holds = (only: RelativePath, path: RelativePath): boolean =>
  path === only || path.startsWith(`${only}/`)

const noPath = (path: RelativePath, parts: ReadonlyArray<Part>): InvalidInput => {
  const [{ version, tree } = { version: undefined, tree: [] }] = parts
  const some = tree.slice(0, candidateCountMax).map((entry) => entry.path)
  const where = `${version?.name}@${version?.version}`
  return new InvalidInput({
    message: `options.only names ${path}, which no version has: ${where} has ${some.join(", ")}`,
    path: "options.only",
  })
}

/** Refuses a path that nothing lies at, rather than to send an archive that lacks it. */
const chosen = (
  parts: ReadonlyArray<Part>,
  only: ZipPlan["only"],
): ReadonlyArray<Part> | InvalidInput => {
  if (only === undefined) return parts
  for (const wanted of only)
    if (!parts.some(({ tree }) => tree.some(({ path }) => holds(wanted, path))))
      return noPath(wanted, parts)
  return parts.map(({ tree, ...part }) => ({
    ...part,
    tree: tree.filter(({ path }) => only.some((wanted) => holds(wanted, path))),
  }))
}

const absent = (digest: Digest, path: string): BlobCorrupted =>
  new BlobCorrupted({
    message: `the content ${digest} of ${path} is not in the store: restore it from a backup`,
    digest,
  })

const zipFile = (
  { path, digest, executable }: TreeEntry,
  { size, crc32, raw, deflatedSize, storedDigest }: BlobStat,
): ZipFile => {
  const source: ZipFile["source"] = raw
    ? { method: "stored" }
    : { method: "deflate", deflatedSize, storedDigest }
  const mode = executable ? { executable } : {}
  return { path, kind: "file", digest, size, crc32, source, ...mode }
}

const zipEntries = Effect.fnUntraced(function* ({
  blobs,
  tree,
}: Opened): Effect.fn.Return<ReadonlyArray<ZipEntry>, Refusal | Failure> {
  const entries: Array<ZipEntry> = []
  for (const entry of tree) {
    const { path, kind, digest, target = "" } = entry
    if (kind === "directory") entries.push({ path, kind })
    else if (kind === "symlink") entries.push({ path, kind, target })
    else {
      const stat = yield* blobs.stat(digest)
      if (stat === undefined) return yield* absent(digest, path)
      entries.push(zipFile(entry, stat))
    }
  }
  return entries
})

/** The folder of a version among several. Throws where its name cannot be one. */
const folderOf = ({ name, version }: ArtifactVersion): RelativePath => {
  const folder = `${name}/${version}`
  const problem = pathProblem(folder)
  if (isRelativePath(folder)) return folder
  return refuse("reference", `names ${name}, and a folder ${folder} ${problem}: zip it by itself`)
}

const below = (...folders: ReadonlyArray<RelativePath | undefined>) => {
  const path = folders.filter((folder) => folder !== undefined).join("/")
  return path === "" ? {} : { prefix: path as RelativePath }
}

const unsafeInFilename = /[^\p{L}\p{N}._-]+/gu

const filenameOf = (versions: ReadonlyArray<ArtifactVersion>): string => {
  const [first, ...others] = versions.map(({ name, version }) => `${name}-${version}`)
  const more = others.length === 0 ? "" : `-and-${others.length}-more`
  return `${`${first}${more}`.replace(unsafeInFilename, "_")}.zip`
}

/** What is damaged in an archive is named with the first of its versions that has it. */
const namedIn =
  (source: ContentSource, parts: ReadonlyArray<Part>) =>
  <E>(error: E): E | BlobCorrupted | ContentGone => {
    if (!(error instanceof BlobCorrupted)) return error
    const part = parts.find(({ tree }) => tree.some(({ digest }) => digest === error.digest))
    return part === undefined ? error : named(source, part.version)(error)
  }

/** Opens content by its digest, wherever the versions have it. */
const openerOf = (
  { read, readDeflated, readInto }: BlobStoreShape,
  parts: ReadonlyArray<Part>,
): ContentOpener<Refusal | Failure> => {
  const linked = parts.flatMap((part) => part.linked ?? [])
  if (linked.length === 0) return { read, readDeflated, readInto }
  const inPlace = (digest: Digest) => linked.find((files) => files.file(digest) !== undefined)
  return {
    read: (digest, range) => inPlace(digest)?.read(digest, range) ?? read(digest, range),
    // Only what is stored has a deflated form.
    readDeflated,
    readInto: (wanted) => {
      const stored = wanted.filter(({ digest, sent }) => sent === "deflated" || !inPlace(digest))
      const others = linked.map((files) =>
        files.readInto(
          wanted.filter(({ digest, sent }) => sent === "content" && inPlace(digest) === files),
        ),
      )
      return Effect.all([readInto(stored), ...others], { discard: true })
    },
  }
}

type Laying = AnySource & Pick<Engine, "isClosed" | "layouts">

/** By what an archive is known; undefined where files lie in place, and may change. */
const keyOf = (
  versions: ReadonlyArray<ArtifactVersion>,
  { prefix, only }: ZipPlan,
): string | undefined => {
  if (versions.some(({ content }) => content.link !== undefined)) return undefined
  return JSON.stringify([versions.map(({ id }) => id), prefix, only])
}

interface Archived extends LaidOut {
  readonly parts: ReadonlyArray<Part>
}

const layOut = Effect.fnUntraced(function* (
  engine: Laying,
  versions: ReadonlyArray<ArtifactVersion>,
  { prefix, only, check }: ZipPlan,
): Effect.fn.Return<Archived, Failure | Refusal> {
  const all: Array<Part> = []
  for (const version of versions)
    all.push({ version, ...(yield* openContent(engine, version, check)) })
  const parts = chosen(all, only)
  if (parts instanceof InvalidInput) return yield* parts
  const name = namedIn(engine, parts)
  const trees: Array<ZipTree> = []
  for (const part of parts) {
    const { version } = part
    const folder = parts.length > 1 ? folderOf(version) : undefined
    const entries = yield* Effect.mapError(zipEntries(part), name)
    trees.push({ ...below(prefix, folder), modified: version.createdAt.getTime(), entries })
  }
  return { parts, trees: parts.map(({ tree }) => tree), layout: zipLayout(trees) }
})

/** What was laid out lately is not read again. */
const laidOut = Effect.fnUntraced(function* (
  engine: Laying,
  versions: ReadonlyArray<ArtifactVersion>,
  plan: ZipPlan,
  key: string | undefined,
): Effect.fn.Return<Archived, Failure | Refusal> {
  const known = key === undefined ? undefined : engine.layouts.get(key)
  if (known === undefined) {
    const made = yield* layOut(engine, versions, plan)
    if (key !== undefined) engine.layouts.keep(key, { layout: made.layout, trees: made.trees })
    return made
  }
  const parts = versions.flatMap((version, at): ReadonlyArray<Part> => {
    const tree = known.trees[at]
    return tree === undefined ? [] : [{ version, tree, blobs: blobsOf(engine, version) }]
  })
  return { ...known, parts }
})

/**
 * The archive of these versions: of one as it is, of several as folders `name/version/`. The time
 * of its entries is that of their saves, so its bytes never change.
 */
export const archiveOf = Effect.fnUntraced(function* (
  engine: Laying,
  versions: ReadonlyArray<ArtifactVersion>,
  plan: ZipPlan,
): Effect.fn.Return<ArchiveOf<Bytes>, Failure | Refusal> {
  const key = keyOf(versions, plan)
  const { parts, layout } = yield* laidOut(engine, versions, plan, key)
  const name = namedIn(engine, parts)
  const opener = openerOf(engine.blobs, parts)
  const { size, etag } = layout
  // What cannot be sent is looked at anew when it is asked for again.
  const failed = Effect.sync(() => key !== undefined && engine.layouts.forget(key))
  const send = (range?: ByteRange) =>
    zipStream(layout, opener, checkedRange(range)).pipe(
      Stream.mapError(name),
      Stream.onError(() => failed),
    )
  const archive = {
    size,
    etag,
    filename: filenameOf(versions),
    stream: (range?: ByteRange) => Stream.suspend(() => send(range)),
  }
  return operations(archive, engine.isClosed)
})

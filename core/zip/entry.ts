/**
 * What an entry of a zip archive is, and which entries cannot lie beside each other.
 *
 * Looks into no content: sizes and CRCs come with the entries.
 */
import type { Digest } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"

/** How a file is sent: its content as it is, or its stored form (see the blob port). */
export type ZipForm =
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
}

export interface ZipFile extends Located {
  readonly kind: "file"
  readonly executable?: boolean
  readonly digest: Digest
  readonly size: number
  readonly crc32: number
  readonly source: ZipForm
}

export interface ZipDirectory extends Located {
  readonly kind: "directory"
}

export interface ZipSymlink extends Located {
  readonly kind: "symlink"
  readonly target: string
}

export type ZipEntry = ZipFile | ZipDirectory | ZipSymlink

// The empty last block of a deflate stream, which the stored form lacks (RFC 1951, 3.2.6).
export const deflateEnd = Uint8Array.of(0x03, 0x00)

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

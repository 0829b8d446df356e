/**
 * A version on its way into an archive: its entries as they are laid out, and its bytes as they are
 * sent, be they in the store or left in place.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStat } from "../blob/blob-store.js"
import type { Check, LinkedEntry } from "../directory/judge.js"
import type { LinkedFile } from "../directory/linked.js"
import { BlobCorrupted, type Failure, type Refusal } from "../errors.js"
import type { ArtifactVersion, Link } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import type { TreeEntry } from "../model/tree.js"
import type { ZipSource } from "../zip/catalog.js"
import type { ZipEntry, ZipFile } from "../zip/entry.js"
import type { ContentOpener } from "../zip/stream.js"
import { blobsOf, named } from "./content.js"
import { type AnySource, eachLinked, filesOf } from "./linked-content.js"
import { eachEntry } from "./manifests.js"

/** Takes entries of a version. */
export interface Taking {
  /** Whether an entry is wanted at all. */
  readonly wants: (path: RelativePath) => boolean
  readonly take: (entry: ZipEntry) => void
}

/** A version that is sent. */
export interface Archived {
  /** Hands out its entries, in no order. Fails where what was left in place has changed. */
  readonly each: (taking: Taking) => Effect.Effect<void, Failure | Refusal>
  readonly opener: ContentOpener<Failure | Refusal>
}

const absent = (digest: Digest, path: string): BlobCorrupted =>
  new BlobCorrupted({
    message: `the content ${digest} of ${path} is not in the store: restore it from a backup`,
    digest,
  })

/** An entry that is no file. */
const otherEntry = ({ path, kind, target = "" }: TreeEntry): ZipEntry | undefined => {
  if (kind === "file") return undefined
  return kind === "directory" ? { path, kind } : { path, kind, target }
}

const zipFile = (
  { path, digest, executable }: TreeEntry,
  { size, crc32 }: Pick<BlobStat, "size" | "crc32">,
  source: ZipFile["source"],
): ZipFile => {
  const mode = executable ? { executable } : {}
  return { path, kind: "file", digest, size, crc32, source, ...mode }
}

const formOf = ({ raw, deflatedSize, storedDigest }: BlobStat): ZipFile["source"] =>
  raw ? { method: "stored" } : { method: "deflate", deflatedSize, storedDigest }

const inStore = (source: AnySource, version: ArtifactVersion): Archived => {
  const name = named(source, version)
  const { blobs } = source
  const reading = blobsOf(source, version)
  const each = ({ wants, take }: Taking) =>
    eachEntry(
      reading,
      version.content,
      Effect.fnUntraced(function* (entries: ReadonlyArray<TreeEntry>) {
        for (const entry of entries) {
          const { path, digest } = entry
          if (!wants(path)) continue
          const other = otherEntry(entry)
          const stat = other === undefined ? yield* reading.stat(digest) : undefined
          if (other !== undefined) take(other)
          else if (stat !== undefined) take(zipFile(entry, stat, formOf(stat)))
          else return yield* Effect.mapError(absent(digest, path), name)
        }
      }),
    )
  return {
    each,
    opener: {
      read: ({ digest, sent, range }) =>
        Stream.mapError(
          sent === "content" ? blobs.read(digest, range) : blobs.readDeflated(digest, range),
          name,
        ),
      readInto: reading.readInto,
    },
  }
}

const inPlace = (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
  check: Check,
): Archived => {
  const files = filesOf(source, link)
  // Only of files of several pieces: the others are few words each, which the archive has already.
  const pieces = new Map<string, Uint8Array>()
  const add = ({ wants, take }: Taking, entry: LinkedEntry): void => {
    const { path, size, state } = entry
    if (!wants(path)) return
    if (state?.pieces !== undefined) pieces.set(path, state.pieces)
    // Sent as it is: what nobody compressed has no other form.
    const file = () => zipFile(entry, { size, crc32: state?.crc32 ?? 0 }, { method: "stored" })
    take(otherEntry(entry) ?? file())
  }
  const fileOf = ({ path, size, digest }: ZipSource): LinkedFile => ({
    path,
    size,
    digest,
    pieces: pieces.get(path),
  })
  return {
    each: (taking) =>
      eachLinked(source, version, link, { check, take: (entry) => add(taking, entry) }),
    opener: {
      read: (content) => files.read(fileOf(content), content.range),
      readInto: (parts) =>
        files.readInto(
          parts.map((part) => ({
            file: fileOf(part),
            into: part.into,
            ...(part.range === undefined ? {} : { range: part.range }),
          })),
        ),
    },
  }
}

/** How a version goes into an archive. */
export const archivedOf = (source: AnySource, version: ArtifactVersion, check: Check): Archived => {
  const { link } = version.content
  return link === undefined ? inStore(source, version) : inPlace(source, version, link, check)
}

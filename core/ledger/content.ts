/**
 * The content of a version on its way out: its blobs, and its files by their paths.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobPart, BlobStat, ByteRange } from "../blob/blob-store.js"
import {
  BlobCorrupted,
  type BlobFailure,
  type ContentGone,
  type Failure,
  InvalidInput,
  type Refusal,
} from "../errors.js"
import { candidateCountMax, nameBytesMax } from "../limits.js"
import type { FileInput } from "../materializer/materializer.js"
import type { ArtifactVersion } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { readable, refuse } from "../model/input.js"
import type { Tree } from "../model/tree.js"
import { contentGone, findById } from "../projection/resolve.js"
import type { Engine } from "./engine.js"

export type Bytes = Stream.Stream<Uint8Array, Refusal | Failure>

/** What it takes to read content, and to know whether it was given up. */
export type ContentSource = Pick<Engine, "blobs" | "views" | "place">

type VersionName = Pick<ArtifactVersion, "id" | "name" | "version">

/**
 * What damaged content is the content of: the blob store knows only its digest. What was swept is
 * no damage; a reader of the past does not see in its row that it was.
 */
export const named =
  ({ views, place }: Omit<ContentSource, "blobs">, { id, name, version }: VersionName) =>
  <E>(error: E): E | BlobCorrupted | ContentGone => {
    if (!(error instanceof BlobCorrupted) || error.version !== undefined) return error
    const { digest, where } = error
    const swept = findById(views.at(views.head), id)?.version.swept
    if (swept !== undefined) return contentGone(name, version, digest, swept)
    // Its writer may have given it up since: the reader has not seen that yet.
    const isBehind = place.reading !== undefined && where === undefined
    const advice = isBehind ? "; refresh() first, its writer may have swept it" : ""
    const message = `version ${version} of ${name}: ${error.message}${advice}`
    const lay = where === undefined ? {} : { where }
    return new BlobCorrupted({ message, digest, ...lay, artifact: name, version })
  }

/** Blobs as they are read, here. */
export interface Blobs<E> {
  readonly stat: (digest: Digest) => Effect.Effect<BlobStat | undefined, E>
  readonly read: (digest: Digest, range?: ByteRange) => Stream.Stream<Uint8Array, E>
  readonly readInto: (parts: ReadonlyArray<BlobPart>) => Effect.Effect<void, E>
  readonly readWhole: (
    digests: ReadonlyArray<Digest>,
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, E>
}

/** The blobs of a version: what is damaged in them is named with it. */
export const blobsOf = (
  source: ContentSource,
  version: VersionName,
): Blobs<BlobFailure | BlobCorrupted | ContentGone> => {
  const name = named(source, version)
  const { blobs } = source
  return {
    stat: (digest) => Effect.mapError(blobs.stat(digest), name),
    read: (digest, range) => Stream.mapError(blobs.read(digest, range), name),
    readInto: (parts) => Effect.mapError(blobs.readInto(parts), name),
    readWhole: (digests) => Effect.mapError(blobs.readWhole(digests), name),
  }
}

/** The tree of a version, and how its files are read. */
export interface Opened {
  readonly tree: Tree
  readonly read: (digest: Digest, range?: ByteRange) => Bytes
}

const noFile = (version: ArtifactVersion, path: string, tree: Tree): InvalidInput => {
  const file = path.slice(0, nameBytesMax).toWellFormed()
  const some = tree
    .slice(0, candidateCountMax)
    .map((entry) => entry.path)
    .join(", ")
  return new InvalidInput({
    message: `version ${version.version} of ${version.name} has no file ${file}: it has ${some}`,
    path: "path",
  })
}

/** Throws for what is no range. One that goes beyond the bytes is clamped where they are read. */
export const checkedRange = (range: ByteRange | undefined): ByteRange | undefined =>
  range === undefined
    ? undefined
    : readable("range", () => {
        const { start, end } = range
        return Number.isSafeInteger(start) && Number.isSafeInteger(end)
          ? { start, end }
          : refuse("range", "is not { start, end } in whole bytes")
      })

/** One file of a version; the path may be left out where there is only one. */
export const openFile = (
  { tree, read }: Opened,
  version: ArtifactVersion,
  path: string | undefined,
  range: ByteRange | undefined,
): Bytes =>
  Stream.unwrap(
    Effect.gen(function* () {
      if (path !== undefined && typeof path !== "string") refuse("path", "is not a string")
      const checked = checkedRange(range)
      const files = tree.filter(({ kind }) => kind === "file")
      const only = files.length === 1 ? files[0] : undefined
      const file = path === undefined ? only : files.find((entry) => entry.path === path)
      if (file === undefined) return yield* noFile(version, path ?? "to open by itself", tree)
      return read(file.digest, checked)
    }),
  )

const readWhole = <E>(bytes: Stream.Stream<Uint8Array, E>): Effect.Effect<Buffer, E> =>
  Effect.map(Stream.runCollect(bytes), (pieces) => Buffer.concat(pieces))

/** The files of a version as a materializer reads them. */
export const fileInput = (
  { tree, read }: Opened,
  run: <A>(effect: Effect.Effect<A, Refusal | Failure>) => Promise<A>,
): FileInput => {
  const digests = new Map(
    tree.flatMap(({ path, kind, digest }) => (kind === "file" ? [[path as string, digest]] : [])),
  )
  const stream = (path: string) => {
    const digest = digests.get(path)
    if (digest === undefined) throw new Error(`the version has no file ${path}`)
    return read(digest)
  }
  const bytes = (path: string) => run(readWhole(stream(path)))
  return {
    paths: [...digests.keys()],
    bytes,
    text: async (path) => (await bytes(path)).toString("utf8"),
    stream: (path) => Stream.toAsyncIterable(stream(path)),
  }
}

/**
 * The content of a version on its way out: its tree and its files.
 *
 * A small tree lies in the version, a large one in manifests, read as they are needed.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobPart, BlobStat, ByteRange } from "../blob/blob-store.js"
import { directoriesOf } from "../directory/checkout.js"
import { type EntryState, parseStates } from "../directory/states.js"
import {
  BlobCorrupted,
  type BlobFailure,
  type ContentGone,
  type Failure,
  InvalidInput,
  type Refusal,
} from "../errors.js"
import { candidateCountMax, nameBytesMax, treeEntryCountMax } from "../limits.js"
import type { FileInput } from "../materializer/materializer.js"
import type { ArtifactVersion, Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { readable, refuse } from "../model/input.js"
import {
  checkedTree,
  compareUtf8,
  emptyManifestDigest,
  parseManifest,
  type Tree,
  type TreeEntry,
} from "../model/tree.js"
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
  }
}

const readWhole = <E>(bytes: Stream.Stream<Uint8Array, E>): Effect.Effect<Buffer, E> =>
  Effect.map(Stream.runCollect(bytes), (pieces) => Buffer.concat(pieces))

/** A manifest to be read, and the path of its directory: "", or ending in a slash. */
interface ManifestAt {
  readonly digest: Digest
  readonly below: string
}

/** As they are stored, in their order. */
const readStored = Effect.fnUntraced(function* <E>(
  blobs: Pick<Blobs<E>, "stat" | "readInto">,
  wanted: ReadonlyArray<ManifestAt>,
): Effect.fn.Return<ReadonlyArray<Uint8Array>, E> {
  const parts: Array<BlobPart> = []
  for (const { digest } of wanted) {
    const stat = yield* blobs.stat(digest)
    // The read fails for one that is not there.
    parts.push({ digest, sent: "content", into: new Uint8Array(stat?.size ?? 0) })
  }
  yield* blobs.readInto(parts)
  return parts.map(({ into }) => into)
})

const manifestDamaged = (digest: Digest, cause: unknown): BlobCorrupted => {
  const found = `the manifest ${digest} is damaged (${String(cause)})`
  return new BlobCorrupted({ message: `${found}: restore it from a backup`, digest })
}

/**
 * Manifests may be shared, so a few of them that were made to hurt could lead to more entries than
 * fit any memory.
 */
const tooMany = (digest: Digest): BlobCorrupted =>
  manifestDamaged(digest, "it leads to more entries than its version has")

/** The entries of manifests, one manifest behind the other; fails beyond so many. */
export const readManifests = Effect.fnUntraced(function* <E>(
  blobs: Pick<Blobs<E>, "stat" | "readInto">,
  wanted: ReadonlyArray<ManifestAt>,
  countMax: number = treeEntryCountMax,
): Effect.fn.Return<ReadonlyArray<TreeEntry>, E | BlobCorrupted> {
  const entries: Array<TreeEntry> = []
  for (const [index, bytes] of (yield* readStored(blobs, wanted)).entries()) {
    const { digest = emptyManifestDigest, below = "" } = wanted[index] ?? {}
    try {
      for (const entry of parseManifest(bytes, below)) entries.push(entry)
    } catch (cause) {
      return yield* manifestDamaged(digest, cause)
    }
    if (entries.length > countMax) return yield* tooMany(digest)
  }
  return entries
})

/** The manifests that entries name: an empty directory has none. */
export const manifestsIn = (entries: ReadonlyArray<TreeEntry>): ReadonlyArray<Digest> =>
  entries.flatMap(({ kind, digest }) =>
    kind === "directory" && digest !== emptyManifestDigest ? [digest] : [],
  )

/** The states that states name: those of the directories among them. */
export const statesIn = (all: ReadonlyArray<EntryState>): ReadonlyArray<Digest> =>
  all.flatMap(({ states }) => states ?? [])

/** The states of the entries of one directory. */
export const readStates = Effect.fnUntraced(function* <E>(
  blobs: Pick<Blobs<E>, "stat" | "readInto">,
  digest: Digest,
): Effect.fn.Return<ReadonlyArray<EntryState>, E | BlobCorrupted> {
  const [bytes] = yield* readStored(blobs, [{ digest, below: "" }])
  try {
    return parseStates(bytes ?? new Uint8Array(0))
  } catch (cause) {
    return yield* manifestDamaged(digest, cause)
  }
})

/** Fails where a tree has become larger than its version says it is. */
export const checkCounted = (
  { digest, count }: Pick<Content, "digest" | "count">,
  found: number,
): Effect.Effect<void, BlobCorrupted> => {
  if (found <= Math.min(count, treeEntryCountMax)) return Effect.void
  return Effect.fail(tooMany(digest))
}

/** The entries that lie in the version itself: one tree, as intake makes it. */
export const readInline = (
  { digest }: Pick<Content, "digest">,
  entries: Tree,
): Effect.Effect<Tree, BlobCorrupted> =>
  Effect.try({
    try: () => checkedTree(entries),
    catch: (cause) => manifestDamaged(digest, cause),
  })

/** What was seen of the entries of a tree beside their content, and of its directories, by path. */
export const readStatesBelow = Effect.fnUntraced(function* <E>(
  blobs: Pick<Blobs<E>, "stat" | "readInto">,
  { states: root }: Pick<Content, "states">,
  tree: Tree,
): Effect.fn.Return<ReadonlyMap<string, EntryState>, E | BlobCorrupted> {
  const found = new Map<string, EntryState>()
  const waiting = root === undefined ? [] : [{ digest: root, below: "" }]
  const paths = new Set<string>([...tree.map(({ path }) => path), ...directoriesOf(tree)])
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { below } = next
    for (const state of yield* readStates(blobs, next.digest)) {
      const path = below + state.name
      // Each of them once: states alone could be followed without end.
      if (!paths.has(path)) continue
      found.set(path, state)
      if (state.states !== undefined) waiting.push({ digest: state.states, below: `${path}/` })
    }
  }
  return found
})

const readTree = Effect.fnUntraced(function* <E>(
  blobs: Blobs<E>,
  content: Pick<Content, "digest" | "count">,
): Effect.fn.Return<Tree, E | BlobCorrupted> {
  const tree: Array<TreeEntry> = []
  const root = { digest: content.digest, below: "" }
  const countMax = Math.min(content.count, treeEntryCountMax)
  for (let level: ReadonlyArray<ManifestAt> = [root]; level.length > 0; ) {
    const next: Array<ManifestAt> = []
    // There is something in every directory that has a manifest.
    for (const entry of yield* readManifests(blobs, level, countMax - tree.length)) {
      // An empty directory has no manifest of its own to read: it is an entry of the tree.
      if (entry.kind === "directory" && entry.digest !== emptyManifestDigest)
        next.push({ digest: entry.digest, below: `${entry.path}/` })
      else tree.push(entry)
    }
    level = next
  }
  // A manifest is in order, but what lies below its directories comes when they are read.
  return tree.sort((a, b) => compareUtf8(a.path, b.path))
})

/** Every entry of a version. */
export const treeOf = <E>(
  blobs: Blobs<E>,
  { content }: Pick<ArtifactVersion, "content">,
): Effect.Effect<Tree, E | BlobCorrupted> =>
  content.entries === undefined ? readTree(blobs, content) : readInline(content, content.entries)

/** The tree of a version, and how its files are read. */
export interface Opened {
  readonly tree: Tree
  readonly blobs: Blobs<Refusal | Failure>
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
  { tree, blobs }: Opened,
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
      return blobs.read(file.digest, checked)
    }),
  )

/** The files of a version as a materializer reads them. */
export const fileInput = <E>(
  blobs: Blobs<E>,
  tree: Tree,
  run: <A>(effect: Effect.Effect<A, E>) => Promise<A>,
): FileInput => {
  const digests = new Map(
    tree.flatMap(({ path, kind, digest }) => (kind === "file" ? [[path as string, digest]] : [])),
  )
  const stream = (path: string) => {
    const digest = digests.get(path)
    if (digest === undefined) throw new Error(`the version has no file ${path}`)
    return blobs.read(digest)
  }
  const bytes = (path: string) => run(readWhole(stream(path)))
  return {
    paths: [...digests.keys()],
    bytes,
    text: async (path) => (await bytes(path)).toString("utf8"),
    stream: (path) => Stream.toAsyncIterable(stream(path)),
  }
}

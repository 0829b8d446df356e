/**
 * The tree of a version on its way out, and what was seen of its entries beside their content.
 *
 * A small tree lies in the version, a large one in manifests, one a directory, read as they are
 * needed. No manifest is trusted: each is checked, and all lead to no more entries than their
 * version has.
 */
import * as Effect from "effect/Effect"
import { directoriesOf } from "../directory/checkout.js"
import { type EntryState, parseStates } from "../directory/states.js"
import { BlobCorrupted } from "../errors.js"
import { registeredCountMax, treeEntryCountMax } from "../limits.js"
import type { ArtifactVersion, Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import {
  checkedTree,
  compareUtf8,
  emptyManifestDigest,
  parseManifest,
  type Tree,
  type TreeEntry,
} from "../model/tree.js"
import type { Blobs } from "./content.js"

/** Neighbouring manifests are read in one go; one that was made to hurt does not fill memory so. */
const manifestsAtOnce = 128

/** A manifest to be read, and the path of its directory: "", or ending in a slash. */
interface ManifestAt {
  readonly digest: Digest
  readonly below: string
}

/** How manifests are read. */
export type Manifests<E> = Pick<Blobs<E>, "readWhole">

const nothing = new Uint8Array(0)

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

/** All that one manifest lists. */
const readLines = Effect.fnUntraced(function* <E, A>(
  blobs: Manifests<E>,
  digest: Digest,
  parse: (bytes: Uint8Array) => Iterable<A>,
): Effect.fn.Return<ReadonlyArray<A>, E | BlobCorrupted> {
  const [bytes = nothing] = yield* blobs.readWhole([digest])
  try {
    return [...parse(bytes)]
  } catch (cause) {
    return yield* manifestDamaged(digest, cause)
  }
})

/** The entries of one directory. */
export const readManifest = <E>(
  blobs: Manifests<E>,
  digest: Digest,
): Effect.Effect<ReadonlyArray<TreeEntry>, E | BlobCorrupted> =>
  readLines(blobs, digest, (bytes) => parseManifest(bytes, ""))

/** The states of the entries of one directory. */
export const readStates = <E>(
  blobs: Manifests<E>,
  digest: Digest,
): Effect.Effect<ReadonlyArray<EntryState>, E | BlobCorrupted> =>
  readLines(blobs, digest, parseStates)

/** The manifests that entries name: an empty directory has none. */
export const manifestsIn = (entries: ReadonlyArray<TreeEntry>): ReadonlyArray<Digest> =>
  entries.flatMap(({ kind, digest }) =>
    kind === "directory" && digest !== emptyManifestDigest ? [digest] : [],
  )

/** The states that states name: those of the directories among them. */
export const statesIn = (all: ReadonlyArray<EntryState>): ReadonlyArray<Digest> =>
  all.flatMap(({ states }) => states ?? [])

/** Some at a time, in their order; none at the end. */
export type Portions<A> = Effect.Effect<ReadonlyArray<A>, BlobCorrupted>

const inPortions = <A>(digest: Digest, all: Iterator<A, void>): Portions<A> =>
  Effect.try({
    try: () => {
      const some: Array<A> = []
      while (some.length < registeredCountMax) {
        const next = all.next()
        if (next.done === true) break
        some.push(next.value)
      }
      return some
    },
    catch: (cause) => manifestDamaged(digest, cause),
  })

/** A directory that was left in place, and what was seen of its entries. */
export interface SeenAt extends ManifestAt {
  readonly states: Digest
}

/** A directory that is read: each of its entries and their states is decoded as it is asked for. */
export interface OpenedAt<A extends SeenAt> {
  readonly at: A
  readonly listed: Portions<TreeEntry>
  readonly seen: Portions<EntryState>
}

/** The manifests of directories and of their states, read in one go; each is given once. */
export const openManifests = <E, A extends SeenAt>(
  blobs: Manifests<E>,
  directories: ReadonlyArray<A>,
): Effect.Effect<ReadonlyArray<OpenedAt<A>>, E> => {
  const wanted = directories.flatMap(({ digest, states }) => [digest, states])
  return Effect.map(blobs.readWhole(wanted), (stored) =>
    directories.map((at, index) => ({
      at,
      listed: inPortions(at.digest, parseManifest(stored[2 * index] ?? nothing, at.below)),
      seen: inPortions(at.states, parseStates(stored[2 * index + 1] ?? nothing)),
    })),
  )
}

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
  blobs: Manifests<E>,
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

/** Hands out every entry of a version, some at a time; in no order. */
export const eachEntry = Effect.fnUntraced(function* <E, F>(
  blobs: Manifests<E>,
  content: Content,
  take: (entries: ReadonlyArray<TreeEntry>) => Effect.Effect<void, F>,
): Effect.fn.Return<void, E | F | BlobCorrupted> {
  if (content.entries !== undefined) return yield* take(yield* readInline(content, content.entries))
  const waiting: Array<ManifestAt> = [{ digest: content.digest, below: "" }]
  let count = 0
  while (waiting.length > 0) {
    const some = waiting.splice(-manifestsAtOnce)
    const stored = yield* blobs.readWhole(some.map(({ digest }) => digest))
    for (const [at, { digest, below }] of some.entries()) {
      const portions = inPortions(digest, parseManifest(stored[at] ?? nothing, below))
      for (let listed = yield* portions; listed.length > 0; listed = yield* portions) {
        const entries: Array<TreeEntry> = []
        // An empty directory has no manifest of its own to read: it is an entry of the tree.
        for (const entry of listed)
          if (entry.kind === "directory" && entry.digest !== emptyManifestDigest)
            waiting.push({ digest: entry.digest, below: `${entry.path}/` })
          else entries.push(entry)
        count += entries.length
        // There is something in every directory that has a manifest, so each that waits counts too.
        const left = some.length - at - 1
        yield* checkCounted({ digest, count: content.count }, count + waiting.length + left)
        yield* take(entries)
      }
    }
  }
})

/** Every entry of a version. */
export const treeOf = Effect.fnUntraced(function* <E>(
  blobs: Manifests<E>,
  { content }: Pick<ArtifactVersion, "content">,
): Effect.fn.Return<Tree, E | BlobCorrupted> {
  const tree: Array<TreeEntry> = []
  yield* eachEntry(blobs, content, (entries) =>
    Effect.sync(() => {
      for (const entry of entries) tree.push(entry)
    }),
  )
  // A manifest is in order, but what lies below its directories comes when they are read.
  return tree.sort((a, b) => compareUtf8(a.path, b.path))
})

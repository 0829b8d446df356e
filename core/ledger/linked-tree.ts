/**
 * The tree of a folder with what was seen of each entry, read from the manifests of both: some
 * directories at a time, so that beside the result little is in memory.
 */
import * as Effect from "effect/Effect"
import type { LinkedEntry } from "../directory/judge.js"
import type { EntryState } from "../directory/states.js"
import { BlobCorrupted } from "../errors.js"
import { manifestCountMax } from "../limits.js"
import type { Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { compareUtf8, emptyManifestDigest, type TreeEntry } from "../model/tree.js"
import {
  type Blobs,
  checkCounted,
  readInline,
  readManifests,
  readStates,
  readStatesBelow,
} from "./content.js"

type Reading<E> = Pick<Blobs<E>, "stat" | "readInto">

/** A directory that is to be read. */
interface DirectoryAt {
  readonly digest: Digest
  readonly states: Digest
  /** Empty, or ending in a slash. */
  readonly below: string
}

const apart = (digest: Digest): BlobCorrupted =>
  new BlobCorrupted({
    message: `the manifest ${digest} and its states list other names: restore them from a backup`,
    digest,
  })

/** What a directory lists, both manifests line by line; undefined where they do not agree. */
const paired = (
  { below }: DirectoryAt,
  entries: ReadonlyArray<TreeEntry>,
  states: ReadonlyArray<EntryState>,
): ReadonlyArray<readonly [TreeEntry, EntryState]> | undefined => {
  if (entries.length !== states.length) return undefined
  const pairs: Array<readonly [TreeEntry, EntryState]> = []
  for (const [at, entry] of entries.entries()) {
    const state = states[at]
    if (state === undefined || entry.path !== below + state.name) return undefined
    pairs.push([entry, state])
  }
  return pairs
}

const readDirectory = Effect.fnUntraced(function* <E>(
  blobs: Reading<E>,
  at: DirectoryAt,
): Effect.fn.Return<ReadonlyArray<readonly [TreeEntry, EntryState]>, E | BlobCorrupted> {
  const entries = yield* readManifests(blobs, [at])
  return paired(at, entries, yield* readStates(blobs, at.states)) ?? (yield* apart(at.digest))
})

/** Every entry of a folder that was left in place, sorted by path. */
export const readLinkedTree = Effect.fnUntraced(function* <E>(
  blobs: Reading<E>,
  content: Content,
): Effect.fn.Return<ReadonlyArray<LinkedEntry>, E | BlobCorrupted> {
  const { digest, entries, states } = content
  if (entries !== undefined) {
    const inline = yield* readInline(content, entries)
    const seen = yield* readStatesBelow(blobs, content, inline)
    return inline.map((entry) => ({ ...entry, state: seen.get(entry.path) }))
  }
  if (states === undefined) return yield* apart(digest)
  const tree: Array<LinkedEntry> = []
  let waiting: Array<DirectoryAt> = [{ digest, states, below: "" }]
  while (waiting.length > 0) {
    const some = waiting.slice(-manifestCountMax)
    waiting = waiting.slice(0, -manifestCountMax)
    const read = (at: DirectoryAt) => readDirectory(blobs, at)
    const all = yield* Effect.forEach(some, read, { concurrency: manifestCountMax })
    // One that is empty has no manifest: it is an entry itself.
    for (const [entry, state] of all.flat())
      if (entry.kind !== "directory" || entry.digest === emptyManifestDigest)
        tree.push({ ...entry, state })
      else if (state.states === undefined) return yield* apart(entry.digest)
      else waiting.push({ digest: entry.digest, states: state.states, below: `${entry.path}/` })
    yield* checkCounted(content, tree.length + waiting.length)
  }
  return tree.sort((a, b) => compareUtf8(a.path, b.path))
})

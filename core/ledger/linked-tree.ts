/**
 * A folder that was left in place with what was seen of each entry, read from the manifests of
 * both, directory by directory.
 */
import * as Effect from "effect/Effect"
import type { LinkedEntry } from "../directory/judge.js"
import {
  eachDirectory,
  type RegisteredContents,
  type RegisteredDirectory,
  registeredTree,
} from "../directory/registered.js"
import type { EntryState } from "../directory/states.js"
import { BlobCorrupted } from "../errors.js"
import { manifestCountMax } from "../limits.js"
import type { Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { compareUtf8, emptyManifestDigest, type TreeEntry } from "../model/tree.js"
import type { Blobs } from "./content.js"
import {
  checkCounted,
  readInline,
  readManifests,
  readStates,
  readStatesBelow,
} from "./manifests.js"

type Reading<E> = Pick<Blobs<E>, "stat" | "readInto">

/** A directory that is to be read. */
interface DirectoryAt {
  readonly digest: Digest
  readonly states: Digest
  readonly path: string
}

const apart = (digest: Digest): BlobCorrupted =>
  new BlobCorrupted({
    message: `the manifest ${digest} and its states list other names: restore them from a backup`,
    digest,
  })

/** What a directory lists, both manifests line by line; undefined where they do not agree. */
const paired = (
  below: string,
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

/** A folder whose manifests are read one by one; together no more than its version counts. */
class KeptFolder<E> {
  readonly #blobs: Reading<E>
  readonly #content: Content
  /** Entries that were found, and directories to be read, which have one at least. */
  #count = 1

  constructor(blobs: Reading<E>, content: Content) {
    this.#blobs = blobs
    this.#content = content
  }

  directory(at: DirectoryAt): RegisteredDirectory<E | BlobCorrupted> {
    return { path: at.path, read: Effect.suspend(() => this.#read(at)) }
  }

  readonly #read = Effect.fnUntraced(function* (
    this: KeptFolder<E>,
    at: DirectoryAt,
  ): Effect.fn.Return<RegisteredContents<E | BlobCorrupted>, E | BlobCorrupted> {
    const below = at.path === "" ? "" : `${at.path}/`
    const countMax = this.#content.count - this.#count + 1
    const listed = yield* readManifests(this.#blobs, [{ digest: at.digest, below }], countMax)
    const seen = yield* readStates(this.#blobs, at.states)
    const pairs = paired(below, listed, seen) ?? (yield* apart(at.digest))
    const entries: Array<LinkedEntry> = []
    const directories: Array<RegisteredDirectory<E | BlobCorrupted>> = []
    // One that is empty has no manifest: it is an entry itself.
    for (const [entry, state] of pairs)
      if (entry.kind !== "directory" || entry.digest === emptyManifestDigest)
        entries.push({ ...entry, state })
      else if (state.states === undefined) return yield* apart(entry.digest)
      else {
        const { path, digest } = entry
        directories.push(this.directory({ path, digest, states: state.states }))
      }
    this.#count += pairs.length - 1
    yield* checkCounted(this.#content, this.#count)
    return { entries, directories }
  })
}

/** A folder that was left in place, directory by directory. */
export const keptFolder = Effect.fnUntraced(function* <E>(
  blobs: Reading<E>,
  content: Content,
): Effect.fn.Return<RegisteredDirectory<E | BlobCorrupted>, E | BlobCorrupted> {
  const { digest, entries, states } = content
  if (entries !== undefined) {
    const inline = yield* readInline(content, entries)
    const seen = yield* readStatesBelow(blobs, content, inline)
    return registeredTree(inline.map((entry) => ({ ...entry, state: seen.get(entry.path) })))
  }
  if (states === undefined) return yield* apart(digest)
  return new KeptFolder(blobs, content).directory({ digest, states, path: "" })
})

/** Hands out every entry of a folder that was left in place, some at a time; in no order. */
export const eachLinked = Effect.fnUntraced(function* <E>(
  blobs: Reading<E>,
  content: Content,
  take: (entries: ReadonlyArray<LinkedEntry>) => void,
): Effect.fn.Return<void, E | BlobCorrupted> {
  yield* eachDirectory(yield* keptFolder(blobs, content), manifestCountMax, take)
})

/** Every entry of a folder that was left in place, sorted by path. */
export const readLinkedTree = Effect.fnUntraced(function* <E>(
  blobs: Reading<E>,
  content: Content,
): Effect.fn.Return<ReadonlyArray<LinkedEntry>, E | BlobCorrupted> {
  const tree: Array<LinkedEntry> = []
  yield* eachLinked(blobs, content, (entries) => {
    for (const entry of entries) tree.push(entry)
  })
  return tree.sort((a, b) => compareUtf8(a.path, b.path))
})

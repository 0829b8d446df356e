/**
 * A folder that was left in place with what was seen of each entry, read from the manifests of
 * both, directory by directory.
 */
import * as Effect from "effect/Effect"
import {
  type Registered,
  type RegisteredContents,
  type RegisteredDirectory,
  registeredTree,
} from "../directory/registered.js"
import type { EntryState } from "../directory/states.js"
import { BlobCorrupted } from "../errors.js"
import type { Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { emptyManifestDigest, type TreeEntry } from "../model/tree.js"
import type { Blobs } from "./content.js"
import { checkCounted, openManifests, readInline, readStatesBelow } from "./manifests.js"

type Reading<E> = Pick<Blobs<E>, "stat" | "readInto">

const apart = (digest: Digest): BlobCorrupted =>
  new BlobCorrupted({
    message: `the manifest ${digest} and its states list other names: restore them from a backup`,
    digest,
  })

/** Whether both manifests list the same, line by line. */
const isPaired = (
  below: string,
  entries: ReadonlyArray<TreeEntry>,
  states: ReadonlyArray<EntryState>,
): boolean =>
  entries.length === states.length &&
  entries.every(({ path }, at) => path === below + states[at]?.name)

/** A directory that is kept: as long as it waits, little of it is in memory. */
class KeptDirectory<E> implements RegisteredDirectory<E | BlobCorrupted> {
  readonly path: string
  readonly digest: Digest
  readonly states: Digest
  readonly #folder: KeptFolder<E>

  constructor(folder: KeptFolder<E>, path: string, digest: Digest, states: Digest) {
    this.path = path
    this.digest = digest
    this.states = states
    this.#folder = folder
  }

  get read(): Effect.Effect<RegisteredContents<E | BlobCorrupted>, E | BlobCorrupted> {
    return this.#folder.read(this)
  }
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

  readonly read = Effect.fnUntraced(function* (
    this: KeptFolder<E>,
    at: KeptDirectory<E>,
  ): Effect.fn.Return<RegisteredContents<E | BlobCorrupted>, E> {
    const below = at.path === "" ? "" : `${at.path}/`
    const { digest, states } = at
    const portions = yield* openManifests(this.#blobs, { digest, states, below })
    // It was counted while it waited: what is in it counts instead.
    let counted = 1
    const next = Effect.flatMap(Effect.all(portions), ([listed, seen]) => {
      if (!isPaired(below, listed, seen)) return Effect.fail(apart(digest))
      this.#count += listed.length - counted
      counted = 0
      const { count } = this.#content
      const pairs = Effect.suspend(() => this.#pair(listed, seen))
      return Effect.andThen(checkCounted({ digest, count }, this.#count), pairs)
    })
    return { next }
  })

  #pair(
    listed: ReadonlyArray<TreeEntry>,
    seen: ReadonlyArray<EntryState>,
  ): Effect.Effect<ReadonlyArray<Registered<E | BlobCorrupted>>, BlobCorrupted> {
    const pairs: Array<Registered<E | BlobCorrupted>> = []
    for (const [at, entry] of listed.entries()) {
      const state = seen[at]
      const { path, digest } = entry
      // One that is empty has no manifest: it is an entry itself.
      if (entry.kind !== "directory" || digest === emptyManifestDigest)
        pairs.push({ ...entry, state })
      else if (state?.states === undefined) return Effect.fail(apart(digest))
      else pairs.push(new KeptDirectory(this, path, digest, state.states))
    }
    return Effect.succeed(pairs)
  }
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
  return new KeptDirectory(new KeptFolder(blobs, content), "", digest, states)
})

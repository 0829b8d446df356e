/**
 * A folder that was left in place with what was seen of each entry, read from the manifests of
 * both, directory by directory.
 */
import * as Effect from "effect/Effect"
import {
  type Registered,
  type RegisteredContents,
  type RegisteredDirectory,
  type RegisteredFolder,
  registeredTree,
} from "../directory/registered.js"
import type { EntryState } from "../directory/states.js"
import { BlobCorrupted } from "../errors.js"
import type { Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { emptyManifestDigest, type TreeEntry } from "../model/tree.js"
import {
  checkCounted,
  type Manifests,
  openManifests,
  type Portions,
  readInline,
  readStatesBelow,
} from "./manifests.js"

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
class KeptDirectory implements RegisteredDirectory {
  readonly path: string
  readonly digest: Digest
  readonly states: Digest

  constructor(path: string, digest: Digest, states: Digest) {
    this.path = path
    this.digest = digest
    this.states = states
  }

  get below(): string {
    return this.path === "" ? "" : `${this.path}/`
  }
}

/** What a directory lists, with what was seen of each. */
const paired = (
  listed: ReadonlyArray<TreeEntry>,
  seen: ReadonlyArray<EntryState>,
  manifest: Digest,
): Effect.Effect<ReadonlyArray<Registered>, BlobCorrupted> => {
  const pairs: Array<Registered> = []
  for (const [at, entry] of listed.entries()) {
    const state = seen[at]
    const { path, digest } = entry
    // One that is empty has no manifest: it is an entry itself.
    if (entry.kind !== "directory" || digest === emptyManifestDigest)
      pairs.push({ ...entry, state })
    else if (state?.states === undefined) return Effect.fail(apart(manifest))
    else pairs.push(new KeptDirectory(path, digest, state.states))
  }
  return Effect.succeed(pairs)
}

type Contents<E> = RegisteredContents<E | BlobCorrupted>

/** A folder whose manifests are read a few at a time; together no more than its version counts. */
class KeptFolder<E> implements RegisteredFolder<E | BlobCorrupted> {
  readonly root: RegisteredDirectory
  readonly #blobs: Manifests<E>
  readonly #content: Content
  /** Entries that were found, and directories to be read, which have one at least. */
  #count = 1

  constructor(blobs: Manifests<E>, content: Content, states: Digest) {
    this.root = new KeptDirectory("", content.digest, states)
    this.#blobs = blobs
    this.#content = content
  }

  readonly read = (
    directories: ReadonlyArray<RegisteredDirectory>,
  ): Effect.Effect<ReadonlyArray<Contents<E>>, E> => {
    const kept = directories.filter((one) => one instanceof KeptDirectory)
    return Effect.map(openManifests(this.#blobs, kept), (opened) =>
      opened.map(({ at, listed, seen }) => this.#contents(at, listed, seen)),
    )
  }

  #contents(
    { digest, below }: KeptDirectory,
    entries: Portions<TreeEntry>,
    states: Portions<EntryState>,
  ): Contents<E> {
    // It was counted while it waited: what is in it counts instead.
    let counted = 1
    const next = Effect.flatMap(Effect.all([entries, states]), ([listed, seen]) => {
      if (!isPaired(below, listed, seen)) return Effect.fail(apart(digest))
      this.#count += listed.length - counted
      counted = 0
      const { count } = this.#content
      const pairs = Effect.suspend(() => paired(listed, seen, digest))
      return Effect.andThen(checkCounted({ digest, count }, this.#count), pairs)
    })
    return { next }
  }
}

/** A folder that was left in place, directory by directory. */
export const keptFolder = Effect.fnUntraced(function* <E>(
  blobs: Manifests<E>,
  content: Content,
): Effect.fn.Return<RegisteredFolder<E | BlobCorrupted>, E | BlobCorrupted> {
  const { digest, entries, states } = content
  if (entries !== undefined) {
    const inline = yield* readInline(content, entries)
    const seen = yield* readStatesBelow(blobs, content, inline)
    return registeredTree(inline.map((entry) => ({ ...entry, state: seen.get(entry.path) })))
  }
  if (states === undefined) return yield* apart(digest)
  return new KeptFolder(blobs, content, states)
})

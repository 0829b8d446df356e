/**
 * Content on its way out of a damaged ledger: every blob that a version names is read, which
 * verifies it, and put into another store. What cannot be read is remembered as lost.
 *
 * One blob at a time, streamed. Changes nothing where it reads.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import { BlobCorrupted, type BlobFailure, type Failure } from "../errors.js"
import type { CoreEvents } from "../event/catalog.js"
import type { LostContent } from "../event/loss.js"
import type { Digest } from "../model/digest.js"
import type { TreeEntry } from "../model/tree.js"
import { manifestsIn, readManifest, readStates, statesIn } from "./manifests.js"

type Saved = CoreEvents["version-saved"]

type Swept = CoreEvents["content-swept"]

/** A failure of the store that is read, told from one of the store that is written. */
class Unreadable {
  readonly error: BlobFailure | BlobCorrupted
  constructor(error: BlobFailure | BlobCorrupted) {
    this.error = error
  }
}

const lostReasons: ReadonlyArray<string> = ["damaged", "missing", "io"]

/** Gone, as against out of reach for now. */
const isLost = (error: BlobFailure | BlobCorrupted): boolean =>
  error instanceof BlobCorrupted || lostReasons.includes(error.reason)

/** What a manifest names: entries, and further manifests. */
interface Named {
  readonly entries: ReadonlyArray<TreeEntry>
  readonly manifests: ReadonlyArray<Digest>
}

export class Salvage {
  /** By digest: the versions that have it, by id. */
  readonly #lost = new Map<Digest, Map<string, LostContent>>()
  readonly #from: Pick<BlobStoreShape, "read">
  readonly #to: BlobStoreShape

  constructor(from: Pick<BlobStoreShape, "read">, to: BlobStoreShape) {
    this.#from = from
    this.#to = to
  }

  /** Named with the first version that has it. */
  get lost(): ReadonlyArray<LostContent> {
    return [...this.#lost.values()].flatMap((versions) => [...versions.values()].slice(0, 1))
  }

  /** What was given up on purpose is not lost. */
  sweep({ versions }: Swept): void {
    for (const [digest, having] of this.#lost) {
      for (const { version } of versions) having.delete(version.id)
      if (having.size === 0) this.#lost.delete(digest)
    }
  }

  /** Copies the content of a version, as far as it is there. */
  version(saved: Saved): Effect.Effect<void, Failure> {
    const { digest, entries, states } = saved.content
    const content =
      entries === undefined
        ? this.#manifests(digest, saved, this.#listed)
        : this.#files(entries as ReadonlyArray<TreeEntry>, saved)
    if (states === undefined) return content
    return Effect.andThen(this.#manifests(states, saved, this.#seen), content)
  }

  readonly #files = Effect.fnUntraced(function* (
    this: Salvage,
    entries: ReadonlyArray<TreeEntry>,
    saved: Saved,
  ): Effect.fn.Return<void, Failure> {
    // What was left in place was never stored.
    if (saved.content.link !== undefined) return
    for (const { kind, digest } of entries) if (kind === "file") yield* this.#copy(digest, saved)
  })

  /** What a manifest of content names. */
  readonly #listed = (digest: Digest): Effect.Effect<Named, Failure> =>
    Effect.map(readManifest(this.#to, digest), (entries) => ({
      entries,
      manifests: manifestsIn(entries),
    }))

  /** What a manifest of states names. */
  readonly #seen = (digest: Digest): Effect.Effect<Named, Failure> =>
    Effect.map(readStates(this.#to, digest), (all) => ({ entries: [], manifests: statesIn(all) }))

  /** Copies a manifest, those below it, and the files that they name. */
  readonly #manifests = Effect.fnUntraced(function* (
    this: Salvage,
    root: Digest,
    saved: Saved,
    read: (digest: Digest) => Effect.Effect<Named, Failure>,
  ): Effect.fn.Return<void, Failure> {
    const waiting = [root]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (!(yield* this.#copy(next, saved))) continue
      const named = yield* Effect.catchTag(read(next), "BlobCorrupted", ({ digest }) =>
        Effect.sync(() => this.#lose(digest as Digest, saved)),
      )
      if (named === undefined) continue
      yield* this.#files(named.entries, saved)
      for (const inner of named.manifests) waiting.push(inner)
    }
  })

  #lose(digest: Digest, { artifact, version }: Saved): undefined {
    const having = this.#lost.get(digest) ?? new Map<string, LostContent>()
    having.set(version.id, { digest, artifact: artifact.name, version: version.label })
    this.#lost.set(digest, having)
    return undefined
  }

  /** Whether it is there afterwards. */
  readonly #copy = Effect.fnUntraced(function* (
    this: Salvage,
    digest: Digest,
    saved: Saved,
  ): Effect.fn.Return<boolean, Failure> {
    if (this.#lost.has(digest)) {
      this.#lose(digest, saved)
      return false
    }
    if ((yield* this.#to.stat(digest)) !== undefined) return true
    const source = Stream.mapError(this.#from.read(digest), (error) => new Unreadable(error))
    const put = Effect.catchIf(
      this.#to.put(source),
      (failed): failed is Unreadable => failed instanceof Unreadable,
      ({ error }) => (isLost(error) ? Effect.succeed(undefined) : Effect.fail(error)),
    )
    const stat = yield* put
    if (stat === undefined) this.#lose(digest, saved)
    else if (stat.digest !== digest) throw new Error(`${digest} was copied as ${stat.digest}`)
    return stat !== undefined
  })
}

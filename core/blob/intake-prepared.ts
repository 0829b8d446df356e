/**
 * Contents that were prepared elsewhere, on their way in: what is known of them was hashed, or
 * deflated, in vain. All that is new goes in one commit.
 */
import * as Effect from "effect/Effect"
import type { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { BlobDraft } from "./draft.js"
import type { Frame } from "./frame.js"
import type { Prepared } from "./prepared.js"
import { type Recipe, recipeDraft } from "./recipe.js"

class PreparedIntake {
  readonly #draft: BlobDraft
  readonly #frames = new Map<Digest, Frame>()
  readonly #recipes = new Map<Digest, Recipe>()

  constructor(draft: BlobDraft) {
    this.#draft = draft
  }

  enter({ digest, crc32, chunks }: Prepared): BlobStat {
    const known = this.#recipes.get(digest)?.stat ?? this.#draft.blob(digest)
    if (known !== undefined) return known
    const recipe = recipeDraft()
    for (const frame of chunks) {
      const there = this.#frames.get(frame.digest) ?? this.#draft.chunk(frame.digest)
      if (there === undefined) this.#frames.set(frame.digest, frame)
      const { storedSize, storedDigest } = there ?? frame
      recipe.add({ digest: frame.digest, size: frame.size, storedSize, storedDigest })
    }
    const finished = recipe.finish(digest, crc32)
    this.#recipes.set(digest, finished)
    return finished.stat
  }

  readonly commit = Effect.suspend(() =>
    this.#draft.commit([...this.#frames.values()], [...this.#recipes.values()]),
  )
}

const using = <A>(
  begin: Effect.Effect<BlobDraft>,
  use: (draft: BlobDraft) => Effect.Effect<A, BlobFailure>,
): Effect.Effect<A, BlobFailure> =>
  Effect.acquireUseRelease(
    begin,
    (draft) => Effect.suspend(() => use(draft)),
    (draft) => Effect.sync(draft.close),
  )

/** Takes contents in, in their order. */
export const takePrepared = (
  begin: Effect.Effect<BlobDraft>,
  contents: ReadonlyArray<Prepared>,
): Effect.Effect<ReadonlyArray<BlobStat>, BlobFailure> =>
  using(begin, (draft) => {
    const intake = new PreparedIntake(draft)
    const stats = contents.map((content) => intake.enter(content))
    return Effect.as(intake.commit, stats)
  })

/** The blobs of digests that are there, as if their bytes were put; undefined for others. */
export const takeKnown = (
  begin: Effect.Effect<BlobDraft>,
  digests: ReadonlyArray<Digest>,
): Effect.Effect<ReadonlyArray<BlobStat | undefined>, BlobFailure> =>
  using(begin, (draft) => {
    const known = digests.map((digest) => draft.blob(digest))
    return Effect.as(draft.commit([], []), known)
  })

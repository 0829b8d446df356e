/**
 * The chunks of one content on their way in: what is known of them is left out, the rest brought
 * into its stored form, and all of them entered in the recipe.
 *
 * Does not know how the content was cut, nor where frames stay.
 */
import * as Effect from "effect/Effect"
import type { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { HashedChunk } from "./chunk-work.js"
import { storedFormOf } from "./deflating.js"
import type { BlobDraft, KnownChunk } from "./draft.js"
import type { Frame } from "./frame.js"
import { frameOf } from "./prepared.js"
import { type RecipeDraft, recipeDraft } from "./recipe.js"

const deflateCountMax = 4

/** The frame to keep for a chunk, none when it is known; its entry in the recipe in any case. */
interface Taken {
  readonly frame: Frame | undefined
  readonly enter: (recipe: RecipeDraft) => void
}

const taken = (digest: Digest, size: number, known: KnownChunk, frame?: Frame): Taken => ({
  frame,
  enter: (recipe) =>
    recipe.add({ digest, size, storedSize: known.storedSize, storedDigest: known.storedDigest }),
})

const takeChunk = (draft: BlobDraft, chunk: HashedChunk): Effect.Effect<Taken> => {
  const { digest } = chunk
  const isRaw = "raw" in chunk
  const size = isRaw ? chunk.raw.length : chunk.size
  const known = draft.chunk(digest)
  if (known !== undefined) return Effect.succeed(taken(digest, size, known))
  if (!isRaw) return Effect.succeed(taken(digest, size, chunk, chunk))
  const { raw } = chunk
  return Effect.map(storedFormOf(raw), (form) => {
    const frame = frameOf(raw, digest, form)
    return taken(digest, size, frame, frame)
  })
}

/** The chunks of one content on their way in. */
export class ChunkIntake {
  readonly #draft: BlobDraft
  readonly #recipe = recipeDraft()
  #isNew = true

  constructor(draft: BlobDraft) {
    this.#draft = draft
  }

  /** Whether nothing was known of what came last: then most of what comes next is to be stored. */
  get isNew(): boolean {
    return this.#isNew
  }

  // Known bytes wait for nothing, and a source may have them at once: others get their turns here.
  append(chunks: ReadonlyArray<HashedChunk>): Effect.Effect<void, BlobFailure> {
    return Effect.andThen(Effect.flatMap(this.#frames(chunks), this.#draft.append), Effect.yieldNow)
  }

  /** Keeps the last chunks, and the recipe when the blob is new. */
  finish(
    chunks: ReadonlyArray<HashedChunk>,
    digest: Digest,
    crc: number,
  ): Effect.Effect<BlobStat, BlobFailure> {
    return Effect.flatMap(this.#frames(chunks), (frames) => {
      const known = this.#draft.blob(digest)
      const recipe = this.#recipe.finish(digest, crc)
      return Effect.as(
        this.#draft.commit(frames, known === undefined ? [recipe] : []),
        known ?? recipe.stat,
      )
    })
  }

  #frames(chunks: ReadonlyArray<HashedChunk>): Effect.Effect<ReadonlyArray<Frame>> {
    const taking = Effect.forEach(chunks, (chunk) => takeChunk(this.#draft, chunk), {
      concurrency: deflateCountMax,
    })
    return Effect.map(taking, (all) => {
      const frames: Array<Frame> = []
      for (const { frame, enter } of all) {
        enter(this.#recipe)
        if (frame !== undefined) frames.push(frame)
      }
      this.#isNew = frames.length === all.length
      return frames
    })
  }
}

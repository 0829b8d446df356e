/**
 * A put as those who take content in see it: what is known, and where what is not known goes.
 *
 * Each driver has its own. Knows nothing of how content is cut and compressed.
 */
import type * as Effect from "effect/Effect"
import type { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { Frame } from "./frame.js"
import type { Recipe } from "./recipe.js"

/** What is known of a chunk that is stored already. */
export interface KnownChunk {
  readonly storedSize: number
  readonly storedDigest: Digest
}

/**
 * One put, as a driver sees it. What it was told is known stays until `close`; the blob that it
 * answers with, as long as the keeping that the put is part of.
 */
export interface BlobDraft {
  /** The blob, if every byte of it is stored or on its way. */
  readonly blob: (digest: Digest) => BlobStat | undefined
  readonly chunk: (digest: Digest) => KnownChunk | undefined
  /**
   * Keeps chunks; nothing names them yet. Their bytes may still be read until it has returned once
   * more, or `commit` has.
   */
  readonly append: (chunks: ReadonlyArray<Frame>) => Effect.Effect<void, BlobFailure>
  /** Keeps the last chunks and new recipes; returns when the put may be answered. */
  readonly commit: (
    chunks: ReadonlyArray<Frame>,
    recipes: ReadonlyArray<Recipe>,
  ) => Effect.Effect<void, BlobFailure>
  readonly close: () => void
}

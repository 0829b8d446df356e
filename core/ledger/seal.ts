/**
 * Sealing: carries the Merkle tree's right edge along with every append, and writes it down beside
 * the log from time to time, once everything that it covers is durable, contents included.
 */
import * as Effect from "effect/Effect"
import type { BlobStoreShape } from "../blob/blob-store.js"
import type { BlobFailure, LogFailure } from "../errors.js"
import { sealEventCount } from "../limits.js"
import type { EventLogShape } from "../log/event-log.js"
import { appendRecords, type Edge } from "../proof/merkle.js"
import type { NumberedStore } from "../view/commits.js"

/** Writes a seal where the next opening finds it. */
export type WriteSeal = (edge: Edge) => Effect.Effect<void, LogFailure>

/** What has to be durable before a seal. Contents first: an event names only what is there. */
export interface Flushed {
  readonly views: Pick<NumberedStore, "persist">
  readonly blobs: Pick<BlobStoreShape, "flush">
  readonly log: Pick<EventLogShape, "flush">
}

export class Sealer {
  readonly #flushed: Flushed
  readonly #write: WriteSeal
  #edge: Edge
  #sealed: number
  /** The size at which a seal was last tried. */
  #tried: number

  constructor(flushed: Flushed, write: WriteSeal, edge: Edge, sealed: number) {
    this.#flushed = flushed
    this.#write = write
    this.#edge = edge
    this.#sealed = sealed
    this.#tried = sealed
  }

  get edge(): Edge {
    return this.#edge
  }

  /** Takes in what was appended; seals when enough has come together. */
  readonly appended = (bodies: ReadonlyArray<Uint8Array>): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.#edge = appendRecords(this.#edge, bodies)
      if (this.#edge.size - this.#tried < sealEventCount) return Effect.void
      // A seal that cannot be written now only makes the next opening read more of the log. It is
      // tried again after as many events, not with each of them.
      return Effect.ignore(this.seal())
    })

  /** Makes contents and log durable, then writes the seal. */
  readonly seal = Effect.fnUntraced(function* (
    this: Sealer,
  ): Effect.fn.Return<void, LogFailure | BlobFailure> {
    const edge = this.#edge
    if (edge.size === this.#sealed) return
    this.#tried = edge.size
    yield* this.#flushed.blobs.flush
    yield* this.#flushed.log.flush
    yield* this.#write(edge)
    this.#sealed = edge.size
    // They can be made anew, so that no seal is worth less for views that could not be kept.
    yield* Effect.ignore(this.#flushed.views.persist)
  })
}

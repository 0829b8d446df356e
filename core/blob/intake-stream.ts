/**
 * From a stream to frames that are kept: it is cut as it comes, into stretches of chunks, which
 * threads hash and deflate beside what comes next.
 *
 * Memory is bounded by a few stretches, whatever the size. Does not know where frames stay.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobFailure } from "../errors.js"
import { hasher, toDigest } from "../model/digest.js"
import { threads } from "../thread/threads.js"
import type { BlobStat } from "./blob-store.js"
import type { Cuts, Cutter, Stretch } from "./chunk.js"
import { answer, chunksIn, chunkWork, type HashedChunk } from "./chunk-work.js"
import { isDoneHere } from "./deflating.js"
import type { BlobDraft } from "./draft.js"
import { ChunkIntake } from "./intake-chunks.js"

// Beside the one that is being filled, and those that are being written.
const aheadCountMax = 1
// Pieces of a stream between two turns of the event loop.
const turnCount = 256

/** A stretch that was hashed, and the memory in which its chunks lie. */
interface Hashed {
  readonly chunks: ReadonlyArray<HashedChunk>
  readonly bytes: Uint8Array<ArrayBuffer>
}

const hashed = async ({ bytes, sizes }: Stretch, isStored: boolean): Promise<Hashed> => {
  const job = { bytes, sizes, isStored }
  const chunked = isDoneHere(bytes.length)
    ? answer(job).value
    : await threads.ask(chunkWork, job, { transfer: [bytes.buffer] })
  return { chunks: chunksIn(chunked, sizes), bytes: chunked.bytes }
}

/** A stream on its way in. */
class StreamIntake {
  readonly #cutter: Cutter
  readonly #intake: ChunkIntake
  readonly #hash = hasher()
  #crc = 0
  #ahead: Array<Promise<Hashed>> = []
  /** What was appended last: it may still be written. */
  #appended: Uint8Array<ArrayBuffer> | undefined

  constructor(cutter: Cutter, draft: BlobDraft) {
    this.#cutter = cutter
    this.#intake = new ChunkIntake(draft)
  }

  readonly take = Effect.fnUntraced(function* (
    this: StreamIntake,
    piece: Uint8Array,
  ): Effect.fn.Return<void, BlobFailure> {
    for (const stretch of this.#cutter.push(piece)) {
      this.#see(stretch)
      this.#begin(stretch)
      if (this.#ahead.length > aheadCountMax) yield* this.#append
    }
  })

  readonly finish = Effect.fnUntraced(function* (
    this: StreamIntake,
  ): Effect.fn.Return<BlobStat, BlobFailure> {
    const last = this.#cutter.end()
    if (last !== undefined) this.#see(last)
    const digest = toDigest(this.#hash.bytes())
    const crc = this.#crc
    if (last === undefined) return yield* this.#intake.finish([], digest, crc)
    // Most contents are one chunk, which is not hashed again.
    if (this.#ahead.length === 0 && last.sizes.length === 1)
      return yield* this.#intake.finish([{ raw: last.bytes, digest }], digest, crc)
    this.#begin(last)
    while (this.#ahead.length > 1) yield* this.#append
    const { chunks } = yield* this.#first
    return yield* this.#intake.finish(chunks, digest, crc)
  })

  // What is hashed is what is stored: stretches are copies, and pieces their owner may write to.
  #see({ bytes }: Stretch): void {
    this.#hash.update(bytes)
    this.#crc = crc32(bytes, this.#crc)
  }

  /** The bytes of a stretch are gone from here on. */
  #begin(stretch: Stretch): void {
    const hashing = hashed(stretch, this.#intake.isNew)
    // Awaited later or, when the source fails, never.
    hashing.catch(() => undefined)
    this.#ahead.push(hashing)
  }

  readonly #first = Effect.promise(async () => {
    const first = await this.#ahead.shift()
    if (first === undefined) throw new Error("no stretch is ahead")
    return first
  })

  readonly #append = Effect.flatMap(this.#first, ({ chunks, bytes }) =>
    Effect.map(this.#intake.append(chunks), () => {
      if (this.#appended !== undefined) this.#cutter.reuse(this.#appended)
      this.#appended = bytes
    }),
  )
}

/** Takes a stream in. Its own error ends the put. */
export const takeStream = Effect.fnUntraced(function* <E>(
  cuts: Cuts,
  draft: BlobDraft,
  source: Stream.Stream<Uint8Array, E>,
): Effect.fn.Return<BlobStat, BlobFailure | E> {
  const intake = new StreamIntake(cuts.pieces(), draft)
  let count = 0
  const takePieces = Effect.fnUntraced(function* (pieces: ReadonlyArray<Uint8Array>) {
    for (const piece of pieces) yield* intake.take(piece)
    count += 1
    // However small they are.
    if (count % turnCount === 0) yield* Effect.yieldNow
  })
  yield* Stream.runForEachArray(source, takePieces)
  return yield* intake.finish()
})

/**
 * From bytes that come in to frames that are kept: hash, cut, compress, name.
 *
 * Every driver takes bytes in through this, so the same content becomes the same blob in all of
 * them. Memory is bounded by a group of chunks, whatever the size. Does not know where frames stay:
 * a driver's `BlobDraft` does.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobFailure } from "../errors.js"
import { type Digest, digestOf, hasher, toDigest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { Cuts } from "./chunk.js"
import { storedFormNow, storedFormOf } from "./deflating.js"
import type { Frame } from "./frame.js"
import { frameOf } from "./prepared.js"
import { type Recipe, type RecipeDraft, recipeDraft } from "./recipe.js"

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
  /** Keeps chunks; nothing names them yet. Returns when their bytes may be forgotten. */
  readonly append: (chunks: ReadonlyArray<Frame>) => Effect.Effect<void, BlobFailure>
  /** Keeps the last chunks and new recipes; returns when the put may be answered. */
  readonly commit: (
    chunks: ReadonlyArray<Frame>,
    recipes: ReadonlyArray<Recipe>,
  ) => Effect.Effect<void, BlobFailure>
  readonly close: () => void
}

// Raw bytes of the chunks that are compressed at once.
const groupBytes = 1_048_576
const deflateCountMax = 4
// Pieces of a stream between two turns of the event loop.
const turnCount = 256
// Hashed in one go; a larger value lets the event loop turn in between.
const sliceBytes = 4_194_304

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

const takeChunk = (draft: BlobDraft, raw: Uint8Array, digest: Digest): Effect.Effect<Taken> => {
  const size = raw.length
  const known = draft.chunk(digest)
  if (known !== undefined) return Effect.succeed(taken(digest, size, known))
  return Effect.map(storedFormOf(raw), (form) => {
    const frame = frameOf(raw, digest, form)
    return taken(digest, size, frame, frame)
  })
}

/** The chunks of one content on their way in. */
class Intake {
  readonly #draft: BlobDraft
  readonly #recipe = recipeDraft()
  #crc = 0
  #group: Array<Uint8Array> = []
  #groupSize = 0

  constructor(draft: BlobDraft) {
    this.#draft = draft
  }

  /** Takes a chunk; true when it is time to `append`. */
  add(chunk: Uint8Array): boolean {
    this.#crc = crc32(chunk, this.#crc)
    this.#group.push(chunk)
    this.#groupSize += chunk.length
    return this.#groupSize >= groupBytes
  }

  // Known bytes wait for nothing, and a source may have them at once: others get their turns here.
  readonly append = Effect.suspend(() =>
    Effect.andThen(Effect.flatMap(this.#frames(), this.#draft.append), Effect.yieldNow),
  )

  /** Keeps what is left, and the recipe when the blob is new. `digest` is that of the content. */
  finish(digest: Digest): Effect.Effect<BlobStat, BlobFailure> {
    return Effect.flatMap(this.#frames(digest), (frames) => {
      const known = this.#draft.blob(digest)
      const recipe = this.#recipe.finish(digest, this.#crc)
      return Effect.as(
        this.#draft.commit(frames, known === undefined ? [recipe] : []),
        known ?? recipe.stat,
      )
    })
  }

  #frames(content?: Digest): Effect.Effect<ReadonlyArray<Frame>> {
    const group = this.#group
    const [first, second] = group
    this.#group = []
    this.#groupSize = 0
    const isContent = content !== undefined && this.#recipe.count() === 0 && second === undefined
    const take = (raw: Uint8Array) =>
      takeChunk(this.#draft, raw, isContent ? content : digestOf(raw))
    const all =
      first !== undefined && second === undefined
        ? Effect.map(take(first), (one) => [one])
        : Effect.forEach(group, take, { concurrency: deflateCountMax })
    return Effect.map(all, (chunks) => {
      const frames: Array<Frame> = []
      for (const { frame, enter } of chunks) {
        enter(this.#recipe)
        if (frame !== undefined) frames.push(frame)
      }
      return frames
    })
  }
}

const hashSlices = Effect.fnUntraced(function* (bytes: Uint8Array) {
  const hash = hasher()
  for (let start = 0; start < bytes.length; start += sliceBytes) {
    hash.update(bytes.subarray(start, start + sliceBytes))
    yield* Effect.yieldNow
  }
  return toDigest(hash.bytes())
})

/**
 * Content that is one chunk and is compressed at once: everything is ready in one turn of the event
 * loop, without the effects that longer content needs. Undefined for any other.
 */
const takeSmall = (
  cuts: Cuts,
  draft: BlobDraft,
  bytes: Uint8Array,
): Effect.Effect<BlobStat, BlobFailure> | undefined => {
  if (bytes.length === 0 || bytes.length > cuts.min) return undefined
  const digest = digestOf(bytes)
  const known = draft.blob(digest)
  if (known !== undefined) return Effect.as(draft.commit([], []), known)
  const chunk = draft.chunk(digest)
  const form = chunk === undefined ? storedFormNow(bytes) : undefined
  if (chunk === undefined && form === undefined) return undefined
  const frames = form === undefined ? [] : [frameOf(bytes, digest, form)]
  const recipe = recipeDraft()
  for (const { storedSize, storedDigest } of chunk === undefined ? frames : [chunk])
    recipe.add({ digest, size: bytes.length, storedSize, storedDigest })
  const finished = recipe.finish(digest, frames[0]?.crc32 ?? crc32(bytes))
  return Effect.as(draft.commit(frames, [finished]), finished.stat)
}

const takeBytes = Effect.fnUntraced(function* (cuts: Cuts, draft: BlobDraft, bytes: Uint8Array) {
  const digest = bytes.length <= sliceBytes ? digestOf(bytes) : yield* hashSlices(bytes)
  const known = draft.blob(digest)
  if (known !== undefined) return yield* Effect.as(draft.commit([], []), known)
  const intake = new Intake(draft)
  for (const chunk of cuts.whole(bytes)) if (intake.add(chunk)) yield* intake.append
  return yield* intake.finish(digest)
})

const takeStream = Effect.fnUntraced(function* <E>(
  cuts: Cuts,
  draft: BlobDraft,
  source: Stream.Stream<Uint8Array, E>,
) {
  const hash = hasher()
  const cutter = cuts.pieces()
  const intake = new Intake(draft)
  // What is hashed is what is stored: chunks are copies, and pieces their owner may write to.
  const takeOne = Effect.fnUntraced(function* (chunk: Uint8Array) {
    hash.update(chunk)
    if (intake.add(chunk)) yield* intake.append
  })
  let count = 0
  const takePieces = Effect.fnUntraced(function* (pieces: ReadonlyArray<Uint8Array>) {
    for (const piece of pieces) for (const chunk of cutter.push(piece)) yield* takeOne(chunk)
    count += 1
    // However small they are.
    if (count % turnCount === 0) yield* Effect.yieldNow
  })
  yield* Stream.runForEachArray(source, takePieces)
  const last = cutter.end()
  if (last !== undefined) yield* takeOne(last)
  return yield* intake.finish(toDigest(hash.bytes()))
})

/** Takes a content in. Its own error ends the put, and then nothing names what was kept of it. */
export const takeIn = <E>(
  cuts: Cuts,
  begin: Effect.Effect<BlobDraft>,
  source: Uint8Array | Stream.Stream<Uint8Array, E>,
): Effect.Effect<BlobStat, BlobFailure | E> =>
  Effect.acquireUseRelease(
    begin,
    (draft) =>
      Effect.suspend((): Effect.Effect<BlobStat, BlobFailure | E> => {
        if (!(source instanceof Uint8Array)) return takeStream(cuts, draft, source)
        return takeSmall(cuts, draft, source) ?? takeBytes(cuts, draft, source)
      }),
    (draft) => Effect.sync(draft.close),
  )

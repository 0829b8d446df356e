/**
 * From a recipe to the bytes that leave: content or stored form, whole or a range, as a stream
 * whose elements are chunks.
 *
 * Every driver reads through this, so all send and check the same. It is given chunks that are
 * whole in themselves; that together they are the blob is checked here, before the last of a full
 * read leaves. Does not know where chunks stay.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { BlobCorrupted, BlobFailure } from "../errors.js"
import { fromDigest, hasher, toDigest } from "../model/digest.js"
import type { BlobBytes, ByteRange } from "./blob-store.js"
import { rawBytes, storedBlocks } from "./deflate.js"
import type { Frame } from "./pack.js"
import { chunksOf, cover, type Recipe, type RecipeChunk, type Sent, sentBytes } from "./recipe.js"
import { clamp, corrupted, storageError } from "./rules.js"

/** The frames of these chunks of a blob, whole and in order. Rejects with an error of the port. */
export type LoadChunks = (
  recipe: Recipe,
  chunks: ReadonlyArray<RecipeChunk>,
) => Promise<ReadonlyArray<Frame>>

// One trip to the disk brings about this much: enough to hide its latency, little enough to hold.
const runBytes = 1_048_576
const runCountMax = 64

const takeRun = (recipe: Recipe, from: number, to: number): ReadonlyArray<RecipeChunk> => {
  const chunks = chunksOf(recipe, from, Math.min(to, from + runCountMax))
  let bytes = 0
  const end = chunks.findIndex(({ storedSize }) => {
    bytes += storedSize
    return bytes > runBytes
  })
  return end < 0 ? chunks : chunks.slice(0, Math.max(end, 1))
}

/** Sees every chunk of a full read; then says whether they were the blob. */
interface WholeCheck {
  readonly see: (frame: Frame, bytes: Uint8Array) => void
  readonly passes: () => boolean
}

const wholeCheck = ({ stat, count }: Recipe, sent: Sent): WholeCheck => {
  // A raw chunk was hashed when it was loaded, and the only one is named like its blob.
  if (sent === "content" && count === 1 && stat.raw)
    return { see: () => undefined, passes: () => true }
  const hash = hasher()
  const expected = sent === "content" ? stat.digest : stat.storedDigest
  return {
    see: (frame, bytes) => hash.update(sent === "content" ? bytes : fromDigest(frame.storedDigest)),
    passes: () => toDigest(hash.bytes()) === expected,
  }
}

const sentForm = (frame: Frame, sent: Sent): Uint8Array | undefined => {
  if (sent === "content") return rawBytes(frame, frame.size, frame.crc32)
  return frame.form === "raw" ? storedBlocks(frame.stored) : frame.stored
}

type BytesPull = Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, BlobFailure | BlobCorrupted>

const pullOf = (
  recipe: Recipe,
  sent: Sent,
  range: ByteRange | undefined,
  load: LoadChunks,
): BytesPull => {
  const size = sentBytes(recipe.stat, sent)
  const { start, end } = clamp(range, size)
  const { from, to, skip } = cover(recipe, sent, { start, end })
  const check = start === 0 && end === size ? wholeCheck(recipe, sent) : undefined
  let chunk = from
  let position = start - skip
  let ahead: Promise<ReadonlyArray<Frame>> | undefined
  let finished = from === to && check === undefined

  const loadNext = () => {
    const run = takeRun(recipe, chunk, to)
    chunk += run.length
    const frames = load(recipe, run)
    // Awaited later or, when the reader goes away, never.
    frames.catch(() => undefined)
    return frames
  }

  /** The part of the frames that lies in the range; undefined when they are not what they say. */
  const piecesOf = (frames: ReadonlyArray<Frame>): Array<Uint8Array> | undefined => {
    const pieces: Array<Uint8Array> = []
    for (const frame of frames) {
      const bytes = sentForm(frame, sent)
      if (bytes === undefined) return undefined
      check?.see(frame, bytes)
      pieces.push(bytes.subarray(Math.max(start - position, 0), end - position))
      position += bytes.length
    }
    return pieces
  }

  const fail = (found: string) => Effect.fail(corrupted(recipe.stat.digest, found))
  const isOther = () => check?.passes() === false
  return Effect.suspend((): BytesPull => {
    if (finished) return Cause.done()
    finished = chunk === to && ahead === undefined
    // Only an empty blob gets here with nothing to load.
    if (finished) return isOther() ? fail("is not empty") : Cause.done()
    return Effect.flatMap(
      Effect.tryPromise({ try: () => ahead ?? loadNext(), catch: storageError("read") }),
      (frames) => {
        ahead = chunk < to ? loadNext() : undefined
        finished = ahead === undefined
        const [first, ...others] = piecesOf(frames) ?? []
        if (first === undefined) return fail("has a chunk that does not inflate")
        if (finished && isOther()) return fail("is not what its chunks make up")
        return Effect.succeed([first, ...others] as const)
      },
    )
  })
}

/** The bytes of the blob whose recipe `find` gives: nothing is looked for before the first pull. */
export const sendBlob = (
  find: Effect.Effect<Recipe, BlobFailure | BlobCorrupted>,
  sent: Sent,
  range: ByteRange | undefined,
  load: LoadChunks,
): BlobBytes => Stream.fromPull(Effect.map(find, (recipe) => pullOf(recipe, sent, range, load)))

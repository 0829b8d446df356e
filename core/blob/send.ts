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
import { type Digest, digestOf, fromDigest, hasher, toDigest } from "../model/digest.js"
import { Ahead } from "./ahead.js"
import type { BlobBytes, BlobPart, ByteRange, Sent } from "./blob-store.js"
import { rawBytes, storedBlocks } from "./deflate.js"
import type { Frame } from "./frame.js"
import { isProven, prove } from "./proven.js"
import { chunksOf, cover, type Recipe, type RecipeChunk, sentBytes } from "./recipe.js"
import { clamp, corrupted, storageError } from "./rules.js"

/** A chunk that is needed, and the blob that it is needed for. */
export interface Wanted {
  readonly blob: Digest
  readonly chunk: RecipeChunk
}

/** The chunks `from` to `to` of a blob, as a reader asks for them. */
export const wantedOf = (recipe: Recipe, from: number, to: number): ReadonlyArray<Wanted> =>
  chunksOf(recipe, from, to).map((chunk) => ({ blob: recipe.stat.digest, chunk }))

/** The frames of these chunks, whole and in order. Rejects with an error of the port. */
export type LoadChunks = (wanted: ReadonlyArray<Wanted>) => Promise<ReadonlyArray<Frame>>

// One trip to the disk brings about this much: enough to hide its latency, little enough to hold.
const runBytes = 1_048_576
const runCountMax = 64

const takeRun = (recipe: Recipe, from: number, to: number): ReadonlyArray<Wanted> => {
  const wanted = wantedOf(recipe, from, Math.min(to, from + runCountMax))
  let bytes = 0
  const end = wanted.findIndex(({ chunk }) => {
    bytes += chunk.storedSize
    return bytes > runBytes
  })
  return end < 0 ? wanted : wanted.slice(0, Math.max(end, 1))
}

/** Sees every chunk of a full read; then says whether they were the blob. */
interface WholeCheck {
  readonly see: (frame: Frame, bytes: Uint8Array) => void
  readonly passes: () => boolean
}

const wholeCheck = (recipe: Recipe, sent: Sent): WholeCheck => {
  const { stat, count } = recipe
  // Most blobs are one chunk. Its stored bytes were hashed when it was loaded, and compared with
  // what its recipe says of them; so were its raw ones, where these are what is stored.
  if (count === 1) {
    let isWhole = sent === "deflated" || stat.raw
    return {
      see: (_, bytes) => {
        isWhole ||= digestOf(bytes) === stat.digest
      },
      passes: () => isWhole,
    }
  }
  const isHashed = sent === "content" && !isProven(recipe)
  const expected = isHashed ? stat.digest : stat.storedDigest
  const hash = hasher()
  return {
    see: (frame, bytes) => hash.update(isHashed ? bytes : fromDigest(frame.storedDigest)),
    passes: () => {
      const isWhole = toDigest(hash.bytes()) === expected
      if (isHashed && isWhole) prove(recipe)
      return isWhole
    },
  }
}

const sentForm = (frame: Frame, sent: Sent): Uint8Array | undefined => {
  if (sent === "content") return rawBytes(frame, frame.size, frame.crc32)
  return frame.form === "raw" ? storedBlocks(frame.stored) : frame.stored
}

/** One read of a blob: which of its chunks it takes, and what of each leaves. */
class Reading {
  readonly recipe: Recipe
  readonly from: number
  readonly to: number
  /** Bytes that leave. */
  readonly length: number
  readonly #sent: Sent
  readonly #range: ByteRange
  readonly #check: WholeCheck | undefined
  #position: number

  constructor(recipe: Recipe, sent: Sent, range: ByteRange | undefined) {
    const size = sentBytes(recipe.stat, sent)
    const { start, end } = clamp(range, size)
    const { from, to, skip } = cover(recipe, sent, { start, end })
    this.recipe = recipe
    this.from = from
    this.to = to
    this.length = end - start
    this.#sent = sent
    this.#range = { start, end }
    this.#check = start === 0 && end === size ? wholeCheck(recipe, sent) : undefined
    this.#position = start - skip
  }

  /** What leaves of the next chunk. Throws when it is not what it says. */
  take(frame: Frame): Uint8Array {
    const bytes = sentForm(frame, this.#sent)
    if (bytes === undefined) throw this.#corrupted("has a chunk that does not inflate")
    this.#check?.see(frame, bytes)
    const { start, end } = this.#range
    const piece = bytes.subarray(Math.max(start - this.#position, 0), end - this.#position)
    this.#position += bytes.length
    return piece
  }

  /** After the last chunk of a full read. Throws when they do not make up the blob. */
  finish(): void {
    if (this.#check?.passes() === false) throw this.#corrupted("is not what its chunks make up")
  }

  #corrupted(found: string): BlobCorrupted {
    return corrupted(this.recipe.stat.digest, found)
  }
}

type BytesPull = Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, BlobFailure | BlobCorrupted>

const pullOf = (reading: Reading, load: LoadChunks): BytesPull => {
  const { recipe, to } = reading
  let chunk = reading.from
  let finished = false
  const runs = new Ahead(() => {
    if (chunk === to) return undefined
    const run = takeRun(recipe, chunk, to)
    chunk += run.length
    return load(run)
  })

  const next = async (): Promise<ReadonlyArray<Uint8Array>> => {
    const frames = (await runs.next()) ?? []
    finished = runs.isOver
    const pieces = frames.map((frame) => reading.take(frame))
    if (finished) reading.finish()
    return pieces
  }

  return Effect.suspend((): BytesPull => {
    if (finished) return Cause.done()
    return Effect.flatMap(
      Effect.tryPromise({ try: next, catch: storageError("read") }),
      // Only an empty read has none.
      ([first, ...others]) =>
        first === undefined ? Cause.done() : Effect.succeed([first, ...others] as const),
    )
  })
}

/** The recipe of a blob that must be there, at once where it is at hand. Throws a port's error. */
export type FindRecipe = (digest: Digest) => Recipe | Promise<Recipe>

/** The bytes of a blob: nothing is looked for before the first pull. */
export const sendBlob = (
  find: FindRecipe,
  digest: Digest,
  sent: Sent,
  range: ByteRange | undefined,
  load: LoadChunks,
): BlobBytes =>
  Stream.fromPull(
    Effect.map(
      Effect.tryPromise({ try: async () => find(digest), catch: storageError("read") }),
      (recipe) => pullOf(new Reading(recipe, sent, range), load),
    ),
  )

/** A defect of whoever asks. */
class OtherLength extends Error {
  constructor(digest: Digest, length: number, place: number) {
    super(`a part of the blob ${digest} has ${length} bytes, its place ${place}`)
  }
}

/** A part on its way: how far its place is filled. */
class Filling {
  readonly #reading: Reading
  readonly #into: Uint8Array
  #filled = 0

  constructor(recipe: Recipe, { digest, sent, range, into }: BlobPart) {
    this.#reading = new Reading(recipe, sent, range)
    this.#into = into
    const { length } = this.#reading
    if (length !== into.length) throw new OtherLength(digest, length, into.length)
  }

  get wanted(): ReadonlyArray<Wanted> {
    const { recipe, from, to } = this.#reading
    return wantedOf(recipe, from, to)
  }

  take(frame: Frame): void {
    const piece = this.#reading.take(frame)
    this.#into.set(piece, this.#filled)
    this.#filled += piece.length
  }

  finish(): void {
    this.#reading.finish()
  }
}

const fillAll = async (fillings: ReadonlyArray<Filling>, load: LoadChunks): Promise<void> => {
  let group: Array<{ readonly filling: Filling; readonly wanted: Wanted }> = []
  let bytes = 0
  const loadGroup = async () => {
    const frames = await load(group.map(({ wanted }) => wanted))
    for (const [at, frame] of frames.entries()) group[at]?.filling.take(frame)
    group = []
    bytes = 0
  }
  for (const filling of fillings)
    for (const wanted of filling.wanted) {
      group.push({ filling, wanted })
      bytes += wanted.chunk.storedSize
      if (bytes >= runBytes) await loadGroup()
    }
  await loadGroup()
  for (const filling of fillings) filling.finish()
}

/** Fills the places of parts: see `readInto` of the port. */
export const fillParts = (
  find: FindRecipe,
  parts: ReadonlyArray<BlobPart>,
  load: LoadChunks,
): Effect.Effect<void, BlobFailure | BlobCorrupted> =>
  Effect.tryPromise({
    try: async () => {
      const fillings: Array<Filling> = []
      for (const part of parts) {
        const found = find(part.digest)
        fillings.push(new Filling(found instanceof Promise ? await found : found, part))
      }
      await fillAll(fillings, load)
    },
    catch: (cause) => cause,
  }).pipe(
    Effect.catch((cause) =>
      cause instanceof OtherLength ? Effect.die(cause) : Effect.fail(storageError("read")(cause)),
    ),
  )

/** The contents of blobs: see `readWhole` of the port. */
export const wholeContents = (
  find: FindRecipe,
  digests: ReadonlyArray<Digest>,
  load: LoadChunks,
): Effect.Effect<ReadonlyArray<Uint8Array>, BlobFailure | BlobCorrupted> =>
  Effect.tryPromise({
    try: async () => {
      const fillings: Array<Filling> = []
      const contents: Array<Uint8Array> = []
      for (const digest of digests) {
        const found = find(digest)
        const recipe = found instanceof Promise ? await found : found
        const into = new Uint8Array(recipe.stat.size)
        fillings.push(new Filling(recipe, { digest, sent: "content", into }))
        contents.push(into)
      }
      await fillAll(fillings, load)
      return contents
    },
    catch: storageError("read"),
  })

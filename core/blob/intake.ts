/**
 * From bytes that come in to frames that are kept: hash, cut, compress, name.
 *
 * Every driver takes bytes in through this, so the same content becomes the same blob in all of
 * them. Memory is bounded by a group of chunks, whatever the size. Does not know where frames stay:
 * a driver's `BlobDraft` does.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BlobFailure } from "../errors.js"
import { digestOf, hasher, toDigest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { Cuts } from "./chunk.js"
import type { HashedChunk } from "./chunk-work.js"
import { storedFormNow } from "./deflating.js"
import type { BlobDraft } from "./draft.js"
import { ChunkIntake } from "./intake-chunks.js"
import { takeStream } from "./intake-stream.js"
import { frameOf } from "./prepared.js"
import { recipeDraft } from "./recipe.js"

// Raw bytes of the chunks that are kept in one go.
const groupBytes = 1_048_576
// Hashed in one go; a larger value lets the event loop turn in between.
const sliceBytes = 4_194_304

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
  const intake = new ChunkIntake(draft)
  let group: Array<HashedChunk> = []
  let groupSize = 0
  let crc = 0
  for (const raw of cuts.whole(bytes)) {
    crc = crc32(raw, crc)
    const isWhole = raw.length === bytes.length
    group.push({ raw, digest: isWhole ? digest : digestOf(raw) })
    groupSize += raw.length
    if (groupSize < groupBytes) continue
    yield* intake.append(group)
    group = []
    groupSize = 0
  }
  return yield* intake.finish(group, digest, crc)
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

/**
 * The port of the blob store: where bytes stay, named by their SHA-256, kept ready to be sent.
 *
 * A blob is read as its content or as its stored form, a deflate stream (RFC 1951) without its last
 * block: the form in which a zip sends it. Knows neither names nor versions.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BlobCorrupted, BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { Chunking } from "./chunk.js"
import type { Prepared } from "./prepared.js"

/** What is known of a blob without reading it. */
export interface BlobStat {
  readonly digest: Digest
  /** Bytes of content. */
  readonly size: number
  /** CRC-32 of the content (ISO 3309, as in zip), unsigned. */
  readonly crc32: number
  /** Bytes of the stored form, as `readDeflated` gives them. */
  readonly deflatedSize: number
  /** Whether no chunk was worth compressing: then the content itself is the shortest to send. */
  readonly raw: boolean
  /** SHA-256 over the stored digests of the chunks: changes when the stored form would. */
  readonly storedDigest: Digest
}

/** A piece of a blob as it is stored, maybe for other blobs too. */
export interface StoredChunk {
  readonly digest: Digest
  /** Bytes of the stored form. */
  readonly storedSize: number
}

/** Stored bytes that are not what they were. */
export interface ContentDamage {
  /** A file of `blob/packs/`. */
  readonly pack: string
  /** Bytes of it, half-open. */
  readonly from: number
  readonly to: number
  /** Content that is lost with them, or may be, as far as it is known. */
  readonly digests: ReadonlyArray<Digest>
  /** One sentence. */
  readonly text: string
}

/** What came of reading a part of all that is stored through. */
export interface CheckedPart {
  /** Bytes that were read, and how many chunks and recipes lay in them. */
  readonly bytes: number
  readonly frames: number
  readonly damage: ReadonlyArray<ContentDamage>
  /** Where to go on; absent behind the last part. */
  readonly resume?: string
}

/** A half-open range of bytes, from 0: `end` is not part of it. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** `content`: the bytes themselves. `deflated`: the stored form, as `readDeflated` sends it. */
export type Sent = "content" | "deflated"

/** A stretch of a blob, and where its bytes are to go: a place of exactly its length. */
export interface BlobPart {
  readonly digest: Digest
  readonly sent: Sent
  /** Absent for the whole. */
  readonly range?: ByteRange
  readonly into: Uint8Array
}

export interface RemoveOptions {
  /**
   * Whether all of it goes from the disk, at whatever cost. Otherwise a driver may let bytes lie
   * that are nobody's any more, until there are enough of them beside what stays.
   */
  readonly thorough?: boolean
  /**
   * Whether more is removed by the same `removing`. Then bytes may be given back with the last of
   * its removals, once for all.
   */
  readonly more?: boolean
}

/** What came of a removal. */
export interface Removal {
  /** Blobs that were there, and are gone. */
  readonly removed: number
  /** Given back to the disk: so much less lies in files than before. */
  readonly bytes: number
  /** Those of the digests that are there, or may come: somebody kept or put them meanwhile. */
  readonly kept: ReadonlyArray<Digest>
}

/** Bytes as they are read, in pieces of whole chunks, cut to the range. */
export type BlobBytes = Stream.Stream<Uint8Array, BlobFailure | BlobCorrupted>

/**
 * Gives the blobs' bytes back to the disk, except for chunks that other blobs use. Digests that are
 * not there are ignored. After a failure some may be gone: it can be repeated.
 */
export type Remove = (
  digests: ReadonlyArray<Digest>,
  options?: RemoveOptions,
) => Effect.Effect<Removal, BlobFailure | BlobCorrupted>

/** What a driver gives. Its laws are `blob-store.contract.ts`. */
export interface BlobStoreShape {
  /**
   * Takes bytes in and returns when they are as durable as the driver was told to make them. Bytes
   * that are known already are not written again, but their durability is waited for. Concurrent
   * puts share one fsync. An error of the source is passed on; nothing that it sent can be read.
   */
  readonly put: <E>(
    source: Uint8Array | Stream.Stream<Uint8Array, E>,
  ) => Effect.Effect<BlobStat, BlobFailure | E>
  /** Puts of contents that were prepared with `chunking`, and are believed; in their order. */
  readonly putPrepared: (
    contents: ReadonlyArray<Prepared>,
  ) => Effect.Effect<ReadonlyArray<BlobStat>, BlobFailure>
  /** Puts of contents that are there, by their digests; undefined for one that is not. */
  readonly putKnown: (
    digests: ReadonlyArray<Digest>,
  ) => Effect.Effect<ReadonlyArray<BlobStat | undefined>, BlobFailure>
  /** What contents are cut with, those that are prepared elsewhere too. */
  readonly chunking: Chunking
  /** Undefined when there is no such blob. */
  readonly stat: (
    digest: Digest,
  ) => Effect.Effect<BlobStat | undefined, BlobFailure | BlobCorrupted>
  /**
   * The content, or a range of it (clamped to the size). Each chunk is checked before it is handed
   * over; a full read checks the whole digest before the last bytes leave. A blob that is not there
   * is `BlobCorrupted`: only a digest that an event names is ever read.
   */
  readonly read: (digest: Digest, range?: ByteRange) => BlobBytes
  /**
   * The stored form, or a range of it, checked like the content. Followed by the two bytes `03 00`,
   * it inflates to the content. Its bytes never change while the blob is stored.
   */
  readonly readDeflated: (digest: Digest, range?: ByteRange) => BlobBytes
  /**
   * Puts parts of many blobs into their places, each checked like one that is read by itself, but
   * with few trips to the disk for all. Meant for small parts: chunks are held one megabyte at a
   * time. After a failure some places are filled. A place of another length is a defect.
   */
  readonly readInto: (
    parts: ReadonlyArray<BlobPart>,
  ) => Effect.Effect<void, BlobFailure | BlobCorrupted>
  /**
   * The whole contents of blobs, in their order, checked like those that are read one by one. Meant
   * for small ones that nobody asks for again: few trips to the disk for all, and a driver that
   * remembers where blobs lie does not remember these.
   */
  readonly readWhole: (
    digests: ReadonlyArray<Digest>,
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, BlobFailure | BlobCorrupted>
  /** After this, every put that has returned survives a power loss, in any durability mode. */
  readonly flush: Effect.Effect<void, BlobFailure>
  /**
   * Reads about so many bytes of what is stored through, by itself, whatever any index says: from
   * the beginning, or from where `resume` says, which another process may have been told. What is
   * found is known to reads and puts from then on. Writes nothing else.
   */
  readonly check: (
    resume: string | undefined,
    bytesMax: number,
  ) => Effect.Effect<CheckedPart, BlobFailure>
  /** Whether all that a blob is made of is there, and not known to be damaged. */
  readonly isThere: (digest: Digest) => Effect.Effect<boolean, BlobFailure | BlobCorrupted>
  /** What a blob is made of, in order, with repeats; nothing where there is no such blob. */
  readonly chunks: (
    digest: Digest,
  ) => Effect.Effect<ReadonlyArray<StoredChunk>, BlobFailure | BlobCorrupted>
  /**
   * Runs `use`, which alone may remove blobs meanwhile. Passed over are those that somebody keeps,
   * if he did so at the call, or does from then on, however short: whoever finds out afterwards
   * what is needed misses nothing.
   */
  readonly removing: <A, E, R>(
    use: (remove: Remove) => Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>
  /** `removing`, for these alone. */
  readonly remove: Remove
  /**
   * Runs `use`; what its puts answered with is not removed before it ends, however it ends. Where
   * one runs inside another, nothing of either is removed before both have ended, whichever is the
   * first to. Of a fiber that outlives the keeping it began in, no further put is kept.
   */
  readonly keeping: <A, E, R>(use: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Every blob, sorted by digest. */
  readonly list: () => Stream.Stream<BlobStat, BlobFailure | BlobCorrupted>
}

export class BlobStore extends Context.Service<BlobStore, BlobStoreShape>()(
  "daybook/blob/blob-store/BlobStore",
) {}

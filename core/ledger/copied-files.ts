/**
 * Copying small files into the store: read and prepared by threads, kept here.
 *
 * Preparing what is stored already is lost work, and so is reading twice what is not: files are
 * prepared at once as long as those before them were new, and hashed first otherwise.
 */
import * as Effect from "effect/Effect"
import type { BlobStat, BlobStoreShape } from "../blob/blob-store.js"
import { askOn, type Reading, readAll, type ScanFailure, sound } from "../directory/asked.js"
import type { TakenFile } from "../directory/file.js"
import type { BlobCorrupted, BlobFailure } from "../errors.js"
import { preparedOf, prepareWork } from "./prepare-work.js"

/** What is to be known of a file whose content is a blob. */
export const takenOf = ({ digest, crc32 }: BlobStat): TakenFile => ({ digest, crc32 })

type Taking<A> = Effect.Effect<A, ScanFailure | BlobFailure | BlobCorrupted>

export class CopiedFiles {
  readonly #blobs: BlobStoreShape
  #isKnown = false

  constructor(blobs: BlobStoreShape) {
    this.#blobs = blobs
  }

  /** What the files are, when they are stored. */
  take(reading: Reading): Taking<ReadonlyArray<TakenFile>> {
    return this.#isKnown ? this.#hashFirst(reading) : this.#prepare(reading)
  }

  readonly #prepare = Effect.fnUntraced(function* (
    this: CopiedFiles,
    reading: Reading,
  ): Effect.fn.Return<ReadonlyArray<TakenFile>, ScanFailure | BlobFailure | BlobCorrupted> {
    const blobs = this.#blobs
    const { results, bytes } = yield* askOn(prepareWork, reading, { chunking: blobs.chunking })
    const contents = preparedOf(yield* sound(reading, results), bytes)
    // One of them says enough: each is asked for once more when it is put.
    const [first] = contents
    this.#isKnown = first !== undefined && (yield* blobs.stat(first.digest)) !== undefined
    return (yield* blobs.putPrepared(contents)).map(takenOf)
  })

  readonly #hashFirst = Effect.fnUntraced(function* (
    this: CopiedFiles,
    reading: Reading,
  ): Effect.fn.Return<ReadonlyArray<TakenFile>, ScanFailure | BlobFailure | BlobCorrupted> {
    const blobs = this.#blobs
    const all = yield* readAll(reading)
    const known = yield* blobs.putKnown(all.map(({ digest }) => digest))
    const files = reading.files.filter((_, at) => known[at] === undefined)
    this.#isKnown = files.length < all.length / 2
    const rest = files.length === 0 ? [] : yield* this.#prepare({ ...reading, files })
    const others = rest.values()
    return known.flatMap((stat) =>
      stat === undefined ? (others.next().value ?? []) : takenOf(stat),
    )
  })
}

/**
 * Copying small files into the store: read and prepared by threads, kept here in their order.
 *
 * Preparing what is stored already is lost work, and so is reading twice what is not: files are
 * prepared at once as long as those before them were new, and hashed first otherwise.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { BlobStat, BlobStoreShape } from "../blob/blob-store.js"
import type { Prepared } from "../blob/prepared.js"
import { askOn, type Reading, readAll, type ScanFailure, sound } from "../directory/asked.js"
import type { TakenFile } from "../directory/file.js"
import type { BlobCorrupted, BlobFailure } from "../errors.js"
import { preparedOf, prepareWork } from "./prepare-work.js"

/** What is to be known of a file whose content is a blob. */
export const takenOf = ({ digest, crc32 }: BlobStat): TakenFile => ({ digest, crc32 })

type Failing = ScanFailure | BlobFailure | BlobCorrupted

/** What is known of files, in their order, and the contents of the others, in theirs. */
interface Readied {
  readonly known: ReadonlyArray<BlobStat | undefined>
  readonly contents: ReadonlyArray<Prepared>
}

export class CopiedFiles {
  readonly #blobs: BlobStoreShape
  #isKnown = false
  /** When the files before are handed in. */
  #handed: Effect.Effect<void> = Effect.void

  constructor(blobs: BlobStoreShape) {
    this.#blobs = blobs
  }

  /**
   * What the files are, when they are stored. They are handed in as they were asked for, whichever
   * thread is the first: what is read together then lies together.
   */
  readonly take = Effect.fnUntraced(function* (
    this: CopiedFiles,
    reading: Reading,
  ): Effect.fn.Return<ReadonlyArray<TakenFile>, Failing> {
    const before = this.#handed
    const handed = yield* Deferred.make<void>()
    this.#handed = Deferred.await(handed)
    const done = Deferred.succeed(handed, undefined)
    return yield* Effect.ensuring(this.#take(reading, before, done), done)
  })

  readonly #take = Effect.fnUntraced(function* (
    this: CopiedFiles,
    reading: Reading,
    before: Effect.Effect<void>,
    done: Effect.Effect<unknown>,
  ): Effect.fn.Return<ReadonlyArray<TakenFile>, Failing> {
    const readied = this.#isKnown ? this.#hashFirst(reading) : this.#prepare(reading)
    const { known, contents } = yield* readied
    yield* before
    const putting = this.#blobs.putPrepared(contents)
    const storing = yield* Effect.forkChild(putting, { startImmediately: true })
    yield* done
    const others = (yield* Fiber.join(storing)).values()
    return known.flatMap((stat) => stat ?? others.next().value ?? []).map(takenOf)
  })

  readonly #prepare = Effect.fnUntraced(function* (
    this: CopiedFiles,
    reading: Reading,
  ): Effect.fn.Return<Readied, Failing> {
    const blobs = this.#blobs
    const { results, bytes } = yield* askOn(prepareWork, reading, { chunking: blobs.chunking })
    const contents = preparedOf(yield* sound(reading, results), bytes)
    // One of them says enough: each is asked for once more when it is put.
    const [first] = contents
    this.#isKnown = first !== undefined && (yield* blobs.stat(first.digest)) !== undefined
    return { known: contents.map(() => undefined), contents }
  })

  readonly #hashFirst = Effect.fnUntraced(function* (
    this: CopiedFiles,
    reading: Reading,
  ): Effect.fn.Return<Readied, Failing> {
    const all = yield* readAll(reading)
    const known = yield* this.#blobs.putKnown(all.map(({ digest }) => digest))
    const files = reading.files.filter((_, at) => known[at] === undefined)
    if (files.length === 0) return { known, contents: [] }
    const { contents } = yield* this.#prepare({ ...reading, files })
    this.#isKnown = files.length < all.length / 2
    return { known, contents }
  })
}

/**
 * The blob index with its writes behind: rows of new frames are held, and can be looked up at once;
 * many together are written in one batch, for which no put waits.
 *
 * Puts alone add here, so what is added is fresh. Nothing is lost with what is held: the frames are
 * in their packs, whose marks are written with the rows, so the next opening finds there what is
 * missing. Knows neither LevelDB nor packs.
 */
import { indexHeldBytesMax, indexHeldCountMax, indexHeldTimesMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import type { BlobIndex } from "./index-level.js"
import type { BlobRow, ChunkRow, Mark, Row } from "./index-row.js"

/** Rows in pack order, how far their packs have come with them, and where each digest lies. */
class Held {
  readonly rows: Array<Row> = []
  readonly marks = new Map<number, Mark>()
  readonly chunks = new Map<Digest, ChunkRow>()
  readonly blobs = new Map<Digest, BlobRow>()
  /** Of the frames: what an opening has to read again, if the rows are lost. */
  bytes = 0

  take(rows: ReadonlyArray<Row>, marks: Iterable<Mark>): void {
    for (const row of rows) {
      this.rows.push(row)
      this.bytes += row.storedSize
      if (row.kind === "chunk") this.chunks.set(row.digest, row)
      else this.blobs.set(row.digest, row)
    }
    for (const mark of marks) this.marks.set(mark.pack, mark)
  }

  isFull(times: number): boolean {
    const { bytes, rows } = this
    return rows.length >= times * indexHeldCountMax || bytes >= times * indexHeldBytesMax
  }
}

class IndexBehind implements BlobIndex {
  readonly #index: BlobIndex
  #held = new Held()
  /** What is being written. */
  #going = new Held()
  #writing: Promise<void> | undefined
  #hasFailed = false

  constructor(index: BlobIndex) {
    this.#index = index
  }

  readonly chunk: BlobIndex["chunk"] = (digest, once) =>
    this.#held.chunks.get(digest) ??
    this.#going.chunks.get(digest) ??
    this.#index.chunk(digest, once)

  readonly blob: BlobIndex["blob"] = (digest, once) =>
    this.#held.blobs.get(digest) ?? this.#going.blobs.get(digest) ?? this.#index.blob(digest, once)

  readonly chunks: BlobIndex["chunks"] = async (digests, once) => {
    // First, since what is held now may be written before the answer is there.
    const held = digests.map((one) => this.#held.chunks.get(one) ?? this.#going.chunks.get(one))
    const rows = await this.#index.chunks(digests, once)
    return rows.map((row, at) => held[at] ?? row)
  }

  readonly copies: BlobIndex["copies"] = async (kind, digest) => {
    // A copy may be needed while the index cannot be written.
    await this.#flush().catch(() => undefined)
    const copies = await this.#index.copies(kind, digest)
    const held = this.#held.rows.filter((row) => row.kind === kind && row.digest === digest)
    return [...copies, ...held]
  }

  readonly blobs: BlobIndex["blobs"] = async function* (this: IndexBehind) {
    await this.#flush()
    yield* this.#index.blobs()
  }

  readonly each: BlobIndex["each"] = async (see) => {
    await this.#flush()
    await this.#index.each(see)
  }

  readonly marks: BlobIndex["marks"] = async () => {
    await this.#flush()
    return this.#index.marks()
  }

  readonly rewrite: BlobIndex["rewrite"] = async (rewriting) => {
    await this.#flush()
    await this.#index.rewrite(rewriting)
  }

  readonly add: BlobIndex["add"] = async (rows, marks) => {
    // Nothing more is taken over a failure: what is held would grow without end. What is not taken
    // is not held either, for whoever is refused cuts the frames off.
    if (this.#hasFailed || this.#held.isFull(indexHeldTimesMax)) await this.#flush()
    this.#held.take(rows, marks)
    if (this.#held.isFull(1)) this.#write().catch(() => undefined)
  }

  readonly clear: BlobIndex["clear"] = async () => {
    await this.#writing?.catch(() => undefined)
    this.#held = new Held()
    this.#hasFailed = false
    await this.#index.clear()
  }

  /** Rows that cannot be written are found again: an index that a write failed is made anew. */
  readonly close: BlobIndex["close"] = async () => {
    await this.#flush().catch(() => undefined)
    await this.#index.close()
  }

  async #flush(): Promise<void> {
    await this.#writing?.catch(() => undefined)
    const { rows, marks } = this.#held
    // Who waited beside this one may be writing what was held.
    if (this.#writing !== undefined || rows.length + marks.size > 0) await this.#write()
  }

  #write(): Promise<void> {
    this.#writing ??= this.#store().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #store(): Promise<void> {
    const going = this.#held
    this.#going = going
    this.#held = new Held()
    try {
      await this.#index.add(going.rows, [...going.marks.values()], true)
      this.#hasFailed = false
    } catch (cause) {
      // To be tried again with what came meanwhile.
      const { rows, marks } = this.#held
      going.take(rows, marks.values())
      this.#held = going
      this.#hasFailed = true
      throw cause
    } finally {
      this.#going = new Held()
    }
  }
}

/** The same index, whose `add` resolves when the rows can be looked up. */
export const behind = (index: BlobIndex): BlobIndex => new IndexBehind(index)

/**
 * The blob index with the rows that were looked up lately kept in memory: a version that is handed
 * out is looked up file by file, first for its size and then for its bytes, and often once more.
 *
 * Rows move between two generations; when the young one is full, the old one is dropped. What is
 * written here changes rows, so it forgets them. Knows neither LevelDB nor packs.
 */
import { indexLatelyCountMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import type { BlobIndex } from "./index-level.js"
import type { BlobRow, ChunkRow, Row } from "./index-row.js"

/** Some rows of one kind, by their digest. */
class Lately<R extends Row> {
  #young = new Map<Digest, R>()
  #old = new Map<Digest, R>()

  get(digest: Digest): R | undefined {
    const young = this.#young.get(digest)
    if (young !== undefined) return young
    const old = this.#old.get(digest)
    if (old !== undefined) this.keep(old)
    return old
  }

  keep(row: R): void {
    this.#young.set(row.digest, row)
    if (this.#young.size < indexLatelyCountMax) return
    this.#old = this.#young
    this.#young = new Map()
  }

  forget(digest: Digest): void {
    this.#young.delete(digest)
    this.#old.delete(digest)
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
  }
}

class IndexLately implements BlobIndex {
  readonly #index: BlobIndex
  readonly #chunks = new Lately<ChunkRow>()
  readonly #blobs = new Lately<BlobRow>()
  /** How often rows were forgotten: what was asked for before is not kept afterwards. */
  #changes = 0
  readonly copies: BlobIndex["copies"]
  readonly blobs: BlobIndex["blobs"]
  readonly each: BlobIndex["each"]
  readonly marks: BlobIndex["marks"]
  readonly close: BlobIndex["close"]

  constructor(index: BlobIndex) {
    this.#index = index
    this.copies = index.copies
    this.blobs = index.blobs
    this.each = index.each
    this.marks = index.marks
    this.close = index.close
  }

  readonly chunk: BlobIndex["chunk"] = (digest, once = false) => {
    const kept = this.#chunks.get(digest)
    if (kept !== undefined) return kept
    const row = this.#index.chunk(digest)
    if (row !== undefined && !once) this.#chunks.keep(row)
    return row
  }

  readonly blob: BlobIndex["blob"] = (digest, once = false) => {
    const kept = this.#blobs.get(digest)
    if (kept !== undefined) return kept
    const row = this.#index.blob(digest)
    if (row !== undefined && row !== "damaged" && !once) this.#blobs.keep(row)
    return row
  }

  readonly chunks: BlobIndex["chunks"] = async (digests, once = false) => {
    const rows = digests.map((digest) => this.#chunks.get(digest))
    const missed = digests.filter((_, at) => rows[at] === undefined)
    if (missed.length === 0) return rows
    const before = this.#changes
    const found = await this.#index.chunks(missed)
    if (this.#changes === before && !once)
      for (const row of found) if (row !== undefined) this.#chunks.keep(row)
    let next = 0
    return rows.map((row) => row ?? found[next++])
  }

  readonly add: BlobIndex["add"] = (rows, marks, fresh) =>
    this.#changing(this.#index.add(rows, marks, fresh), () => {
      for (const { kind, digest } of rows)
        if (kind === "chunk") this.#chunks.forget(digest)
        else this.#blobs.forget(digest)
    })

  readonly rewrite: BlobIndex["rewrite"] = (rewriting) =>
    this.#changing(this.#index.rewrite(rewriting), () => this.#forgetAll())

  readonly clear: BlobIndex["clear"] = () =>
    this.#changing(this.#index.clear(), () => this.#forgetAll())

  #forgetAll(): void {
    this.#chunks.clear()
    this.#blobs.clear()
  }

  /** Before, since rows may change at any moment from now on; afterwards, since some were read. */
  async #changing(changing: Promise<void>, forget: () => void): Promise<void> {
    this.#changes += 1
    forget()
    try {
      await changing
    } finally {
      this.#changes += 1
      forget()
    }
  }
}

/** The same index; all writes to it must go through this one. */
export const lately = (index: BlobIndex): BlobIndex => new IndexLately(index)

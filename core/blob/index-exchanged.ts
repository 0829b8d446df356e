/**
 * An index in whose place another one comes while it is in use, as a newer copy of the same: each
 * look-up is answered by one of them as a whole, and the old one is closed when nobody is left who
 * asks it. Knows nothing of where they come from.
 */
import type { BlobIndex } from "./index-level.js"

interface Asked {
  readonly index: BlobIndex
  uses: number
  isOver: boolean
}

const begun = (index: BlobIndex): Asked => ({ index, uses: 0, isOver: false })

export class ExchangedIndex implements BlobIndex {
  #now: Asked

  constructor(index: BlobIndex) {
    this.#now = begun(index)
  }

  /** From now on this one is asked. */
  async exchange(index: BlobIndex): Promise<void> {
    const before = this.#now
    this.#now = begun(index)
    await this.#end(before)
  }

  async #end(asked: Asked): Promise<void> {
    asked.isOver = true
    if (asked.uses === 0) await asked.index.close()
  }

  async #release(asked: Asked): Promise<void> {
    asked.uses -= 1
    if (asked.isOver && asked.uses === 0) await asked.index.close()
  }

  async #asking<A>(ask: (index: BlobIndex) => Promise<A>): Promise<A> {
    const asked = this.#now
    asked.uses += 1
    try {
      return await ask(asked.index)
    } finally {
      await this.#release(asked)
    }
  }

  readonly chunk: BlobIndex["chunk"] = (...asked) => this.#now.index.chunk(...asked)
  readonly blob: BlobIndex["blob"] = (...asked) => this.#now.index.blob(...asked)
  readonly chunks: BlobIndex["chunks"] = (...asked) =>
    this.#asking((index) => index.chunks(...asked))
  readonly copies: BlobIndex["copies"] = (kind, digest) =>
    this.#asking((index) => index.copies(kind, digest))
  readonly each: BlobIndex["each"] = (see) => this.#asking((index) => index.each(see))
  readonly marks: BlobIndex["marks"] = () => this.#asking((index) => index.marks())
  readonly add: BlobIndex["add"] = (...rows) => this.#asking((index) => index.add(...rows))
  readonly rewrite: BlobIndex["rewrite"] = (rewriting) =>
    this.#asking((index) => index.rewrite(rewriting))
  readonly clear: BlobIndex["clear"] = () => this.#asking((index) => index.clear())

  readonly blobs: BlobIndex["blobs"] = async function* (this: ExchangedIndex) {
    const asked = this.#now
    asked.uses += 1
    try {
      yield* asked.index.blobs()
    } finally {
      await this.#release(asked)
    }
  }

  readonly close: BlobIndex["close"] = () => this.#end(this.#now)
}

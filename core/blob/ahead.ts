/**
 * What is loaded before it is asked for: two loads while a reader takes his time, four where he has
 * had to wait for more than the first, so that threads that load need not wait for him.
 *
 * Memory is bounded by that, for every reader. Does not know what is loaded.
 */

const countMax = 4

/** A load on its way. It is awaited later or, when the reader goes away, never. */
class Load<A> {
  readonly value: Promise<A>
  isReady = false

  constructor(value: Promise<A>) {
    this.value = value
    const ready = () => {
      this.isReady = true
    }
    value.then(ready, ready)
  }
}

export class Ahead<A> {
  readonly #begin: () => Promise<A> | undefined
  readonly #loads: Array<Load<A>> = []
  #count = 1

  /** `begin` begins the next load; undefined when there is none. */
  constructor(begin: () => Promise<A> | undefined) {
    this.#begin = begin
  }

  /** Whether all that was begun was asked for, and there is no more. */
  get isOver(): boolean {
    this.#fill()
    return this.#loads.length === 0
  }

  /** What comes next, in the order in which it was begun; undefined when it is over. */
  next(): Promise<A> | undefined {
    this.#fill()
    const first = this.#loads.shift()
    if (first?.isReady === false) this.#count = Math.min(2 * this.#count, countMax)
    this.#fill()
    return first?.value
  }

  #fill(): void {
    while (this.#loads.length < this.#count) {
      const value = this.#begin()
      if (value === undefined) return
      this.#loads.push(new Load(value))
    }
  }
}

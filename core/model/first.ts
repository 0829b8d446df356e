/**
 * The first few of many that come in no order, when there is no room for all of them.
 */

export class First<A> {
  readonly #countMax: number
  readonly #compare: (one: A, other: A) => number
  readonly #kept: Array<A> = []

  constructor(countMax: number, compare: (one: A, other: A) => number) {
    this.#countMax = countMax
    this.#compare = compare
  }

  add(one: A): void {
    this.#kept.push(one)
    // Sorted once for as many as are kept.
    if (this.#kept.length >= 2 * this.#countMax) this.#cut()
  }

  /** In order. */
  list(): ReadonlyArray<A> {
    this.#cut()
    return this.#kept
  }

  #cut(): void {
    this.#kept.sort(this.#compare).splice(this.#countMax)
  }
}

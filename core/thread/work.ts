/**
 * What work is that threads do: plain data in, plain data out.
 *
 * A kind of work is a module that exports `answer`: a thread loads it by its address.
 */

/** What came of some work, and what of it is handed over instead of copied. */
export interface Done<A> {
  readonly value: A
  readonly transfer?: ReadonlyArray<ArrayBuffer>
}

/** A kind of work. It waits for nothing but the system. */
export interface Work<J, A> {
  /** The module that exports it as `answer`. */
  readonly module: string
  readonly answer: (job: J) => Done<A>
}

/**
 * Leases: names of what a removal must pass over, since somebody relies on it who has not come to
 * his end. A put leases what it was told is known; a keeping leases what the puts in it answered
 * with, until it ends, however it ends.
 *
 * Which keeping a put is part of lies in the context of its fiber, so no call has to hand it on.
 * All is done in the turn of whoever calls. Does not know what a name names.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** All that is leased at some time while it is taken, whether the lease has ended or not. */
export interface Note {
  readonly names: ReadonlySet<string>
  readonly end: () => void
}

export class Leases {
  readonly #counts = new Map<string, number>()
  readonly #notes = new Set<Set<string>>()

  /** How many names are leased. */
  get size(): number {
    return this.#counts.size
  }

  has(name: string): boolean {
    return this.#counts.has(name)
  }

  take(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    for (const names of this.#notes) names.add(name)
  }

  release(name: string): void {
    const count = (this.#counts.get(name) ?? 1) - 1
    if (count === 0) this.#counts.delete(name)
    else this.#counts.set(name, count)
  }

  /** Begins a note, with what is leased now. */
  note(): Note {
    const names = new Set(this.#counts.keys())
    this.#notes.add(names)
    return { names, end: () => void this.#notes.delete(names) }
  }
}

/** Everything between the beginning and the end of one `keeping`. */
export class Keeping {
  readonly #leases: Leases
  readonly #around: Keeping | undefined
  /** Those inside this one, of the same leases, that have not ended. */
  readonly #inside = new Set<Keeping>()
  #names: Array<string> | undefined = []

  /** `around`: the one that the fiber is part of, of whatever leases. */
  constructor(leases: Leases, around: Keeping | undefined) {
    this.#leases = leases
    this.#around = around
    const outer = around?.of(leases)
    if (outer !== undefined) outer.#inside.add(this)
  }

  /** That of these leases which has not ended: itself, or the next around it. */
  of(leases: Leases): Keeping | undefined {
    if (this.#leases === leases && this.#names !== undefined) return this
    return this.#around?.of(leases)
  }

  /** Of a put that outlives the keeping it began in, nothing is kept. */
  hold(name: string): void {
    if (this.#names === undefined) return
    this.#leases.take(name)
    this.#names.push(name)
  }

  /** What was kept here is kept on by the one around it, and by those inside that go on. */
  end(): void {
    const names = this.#names ?? []
    this.#names = undefined
    const outer = this.#around?.of(this.#leases)
    const heirs = [...this.#inside]
    if (outer !== undefined) {
      outer.#inside.delete(this)
      for (const one of heirs) outer.#inside.add(one)
      heirs.push(outer)
    }
    for (const name of names) {
      for (const heir of heirs) heir.hold(name)
      this.#leases.release(name)
    }
  }
}

const Current = Context.Reference<Keeping | undefined>("daybook/blob/leases/Keeping", {
  defaultValue: () => undefined,
})

/** Makes something of the keeping that the current fiber is part of, for these leases. */
export const withKeeping = <A>(
  leases: Leases,
  make: (keeping: Keeping | undefined) => A,
): Effect.Effect<A> => Effect.withFiberSucceed((fiber) => make(fiber.getRef(Current)?.of(leases)))

/** `keeping` of the port. */
export const keepingIn =
  (leases: Leases) =>
  <A, E, R>(use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      const keeping = new Keeping(leases, fiber.getRef(Current))
      return Effect.ensuring(
        Effect.provideService(use, Current, keeping),
        Effect.sync(() => keeping.end()),
      )
    })

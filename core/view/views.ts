/**
 * A set of views that are read and written together: drafts over what is stored, commits with
 * their checkpoints, readers of any moment.
 *
 * Knows the names and stamps of views, not what their rows mean nor which events made them.
 */
import * as Effect from "effect/Effect"
import { type Outcome, ViewFailure } from "../errors.js"
import type { Plain } from "../model/msgpack.js"
import { compareUtf8 } from "../model/tree.js"
import { Draft, type RowReader, type TableKey, type Tables, type ViewOf } from "./draft.js"
import { encodeKey, type KeyRange, rangeOf } from "./key.js"
import { keyParts, type Listed, listAt, readAt } from "./past.js"
import { type Build, registryWrite, type ViewState } from "./registry.js"
import { settle } from "./settle.js"
import { attempt, type RowStore, type RowWrite } from "./view-store.js"

export interface ListQuery<N> {
  /** The table, and the leading parts that all keys of the list share. */
  readonly prefix: TableKey<N>
  /** The last part of the prefix may be the beginning of a part. */
  readonly open?: boolean
  /** Only keys after this one, in the order of the list; encoded: the `cursor` of a row. */
  readonly after?: string | undefined
  readonly reverse?: boolean
  readonly countMax: number
}

export interface Row<V> {
  /** The parts of the key after the table, as text. */
  readonly key: ReadonlyArray<string>
  /** The encoded key, for `after`. */
  readonly cursor: string
  readonly value: V
}

export interface RowPage<V> {
  readonly rows: ReadonlyArray<Row<V>>
  /** Where to go on; undefined when there is nothing more. The page itself may be short. */
  readonly resume: string | undefined
}

/** The rows of one view as of one position. */
export interface PastReader<T extends Tables> extends RowReader<T> {
  readonly list: <N extends keyof T & string>(
    query: ListQuery<N>,
  ) => Effect.Effect<RowPage<T[N]>, ViewFailure>
}

/** Every view as of one position. */
export interface MomentReader {
  readonly position: number
  readonly view: <T extends Tables>(view: ViewOf<T>) => PastReader<T>
}

const pageRange = ({ prefix, open, after, reverse }: ListQuery<string>): KeyRange => {
  const range = rangeOf(encodeKey(prefix), open)
  if (after === undefined) return range
  // A cursor may come from anywhere: it never widens the range.
  if (reverse)
    return range.lt !== "" && compareUtf8(range.lt, after) < 0 ? range : { ...range, lt: after }
  return compareUtf8(after, range.gte) < 0 ? range : { ...range, gte: `${after}\u0000` }
}

const latest = Number.MAX_SAFE_INTEGER

/** Views that are read and committed together. */
export class Views {
  readonly store: RowStore
  readonly build: Build
  readonly #states: Map<string, ViewState>
  /** Every event up to here is in every view that is up to date: readers of it see the present. */
  #head = 0
  /** Nothing after this can be stored: the head, or that of a commit under way. */
  #reach = 0
  /** Of the last commit; `unknown` also while it is under way: rows may be ahead of `states`. */
  #outcome: Outcome = "none"
  /** The rows are given up, and no others are adopted yet. */
  #forsaken = false

  constructor(store: RowStore, build: Build, states: Map<string, ViewState>) {
    this.store = store
    this.build = build
    this.#states = states
    this.#head = Math.max(0, ...[...states.values()].map(({ position }) => position))
    this.#reach = this.#head
  }

  get states(): ReadonlyMap<string, ViewState> {
    return this.#states
  }

  get head(): number {
    return this.#head
  }

  /** Stores the writes by which the views built beside these replace them, and takes them over. */
  adopt(built: Views, writes: ReadonlyArray<RowWrite>): Effect.Effect<void, ViewFailure> {
    return this.#store(writes, () => {
      for (const [name, state] of built.#states) this.#states.set(name, state)
      this.#forsaken = false
      // Lower than before where the views had come further than the log that was found.
      this.#head = Math.max(0, ...[...this.#states.values()].map(({ position }) => position))
      this.#reach = this.#head
    })
  }

  /** Before the rows are given up: until others are adopted, every read fails. */
  forsake(): void {
    this.#states.clear()
    this.#forsaken = true
    this.#outcome = "none"
  }

  #state(name: string): ViewState {
    const state = this.#states.get(name)
    if (state === undefined && this.#forsaken) throw forsaken()
    if (state === undefined) throw new Error(`the view ${name} was not opened with this ledger`)
    return state
  }

  /** An empty draft over what is stored now. It reads a stored row once, however often asked. */
  draft(): Draft {
    const known = new Map<string, Plain | undefined>()
    return new Draft((view, key) => {
      const at = `${view}\u0000${key}`
      if (known.has(at)) return known.get(at)
      const row = readAt(this.store.get, this.#state(view), key, latest, true)
      known.set(at, row)
      return row
    })
  }

  /**
   * Stores a draft, and that these views have come as far as `positions` says. All or none. After a
   * failure whose outcome is unknown every further commit fails: open the views again.
   */
  commit(draft: Draft, positions: ReadonlyMap<string, number>): Effect.Effect<void, ViewFailure> {
    return Effect.flatMap(
      attempt(() => this.#settle(draft, positions)),
      ({ writes, states }) =>
        this.#store(writes, () => {
          for (const state of states) {
            Object.assign(this.#state(state.name), state)
            this.#head = Math.max(this.#head, state.position)
          }
        }),
    )
  }

  #settle(draft: Draft, positions: ReadonlyMap<string, number>) {
    const writes: Array<RowWrite> = []
    const states: Array<ViewState> = []
    for (const [name, position] of positions) {
      // A copy: until the rows are stored, their counts are not true.
      const state = { ...this.#state(name), position }
      const changes = draft.changes.get(name) ?? new Map()
      for (const write of settle(state, changes, this.store.get)) writes.push(write)
      writes.push(registryWrite(state, this.build))
      states.push(state)
      this.#reach = Math.max(this.#reach, position)
    }
    return { writes, states }
  }

  /** Cannot be interrupted, since rows would then be stored whose counts are not known here. */
  #store(writes: ReadonlyArray<RowWrite>, stored: () => void): Effect.Effect<void, ViewFailure> {
    const note = (outcome: Outcome) => {
      if (outcome === "committed") stored()
      this.#outcome = outcome
    }
    const store = Effect.suspend(() => {
      if (this.#outcome === "unknown") return Effect.fail(leftBehind())
      this.#outcome = "unknown"
      return this.store.commit(writes).pipe(
        Effect.tap(() => Effect.sync(() => note("committed"))),
        Effect.tapError((failure) => Effect.sync(() => note(failure.outcome))),
      )
    })
    return Effect.uninterruptible(store)
  }

  /** Everything as of a position. A position beyond the head reads the present, whatever it is. */
  at(position: number): MomentReader {
    return {
      position,
      view: <T extends Tables>({ name }: ViewOf<T>): PastReader<T> => ({
        get: (key) => this.#get(name, encodeKey(key), position) as T[(typeof key)[0]] | undefined,
        list: <N extends keyof T & string>(query: ListQuery<N>) =>
          Effect.map(this.#list(name, query, position), (listed) => toPage<T[N]>(listed)),
      }),
    }
  }

  #get(name: string, key: string, position: number): Plain | undefined {
    return readAt(this.store.get, this.#state(name), key, position, position >= this.#reach)
  }

  readonly #list = Effect.fnUntraced(function* (
    this: Views,
    name: string,
    query: ListQuery<string>,
    position: number,
  ): Effect.fn.Return<Listed, ViewFailure> {
    const { reverse = false, countMax } = query
    for (;;) {
      const state = this.#state(name)
      const present = position >= this.#reach
      const options = { range: pageRange(query), reverse, countMax }
      const listed = yield* Effect.result(listAt(this.store, state, options, position, present))
      // Meanwhile a commit may have begun, or a rebuild dropped the rows just read.
      const moved = present && position < this.#reach
      if (!moved && state === this.#state(name)) return yield* Effect.fromResult(listed)
    }
  })
}

const leftBehind = (): ViewFailure =>
  new ViewFailure({
    message: "an earlier commit of the views may have been stored or not: reopen the ledger",
    operation: "commit",
    reason: "stopped",
    outcome: "none",
  })

const forsaken = (): ViewFailure =>
  new ViewFailure({
    message:
      "the views were damaged and are being built anew: wait for rebuild(), or call it again",
    operation: "read",
    reason: "damaged",
    outcome: "none",
  })

const toPage = <V>({ rows, resume }: Listed): RowPage<V> => ({
  rows: rows.map(([cursor, value]) => ({ key: keyParts(cursor), cursor, value: value as V })),
  resume,
})

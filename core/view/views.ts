/**
 * A set of views that are read and written together: drafts, commits with checkpoints, readers.
 *
 * What the log has may be held in memory for a while before it is stored as rows: readers and
 * drafts see it at once, and a row that changes often is written once. Lists are of stored rows, so
 * they store first. Knows names and stamps of views, not what rows mean nor which events made them.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { type Outcome, ViewFailure } from "../errors.js"
import type { Plain } from "../model/msgpack.js"
import { Draft, type RowChange, type Tables, type ViewOf } from "./draft.js"
import { Held } from "./held.js"
import { encodeKey } from "./key.js"
import { LiveRows } from "./live.js"
import { type ListQuery, type MomentReader, type PastReader, pageRange, toPage } from "./moment.js"
import { type Listed, listAt, readAt } from "./past.js"
import { type Build, registryWrite, type ViewState } from "./registry.js"
import { type LiveChange, nowKey, type Stored, settle } from "./settle.js"
import { attempt, type RowStore, type RowWrite } from "./view-store.js"
import { WrittenKeys } from "./written.js"

const latest = Number.MAX_SAFE_INTEGER

type Positions = ReadonlyMap<string, number>

const headOf = (states: Iterable<ViewState>): number =>
  Math.max(0, ...[...states].map(({ position }) => position))

/** Views that are read and committed together. */
export class Views {
  readonly store: RowStore
  readonly build: Build
  readonly #states: Map<string, ViewState>
  readonly #stored: Stored & { readonly live: LiveRows }
  /** Every event up to here is in every view that is up to date: readers of it see the present. */
  #head = 0
  /** Nothing after this can be stored as rows: what is, or what a commit under way stores. */
  #reach = 0
  /** Of the last commit; `unknown` also while it is under way: rows may be ahead of `states`. */
  #outcome: Outcome = "none"
  /** The rows are given up, and no others are adopted yet. */
  #forsaken = false
  /** What is in the log but not stored as rows, and before it what is being stored. */
  #held = new Held()
  #leaving = new Held()
  readonly #one = Semaphore.makeUnsafe(1)

  /** What is built begins in slots that are empty, and that nobody else writes to. */
  constructor(store: RowStore, build: Build, states: Map<string, ViewState>) {
    this.store = store
    this.build = build
    this.#states = states
    const written = build === "building" ? new WrittenKeys() : undefined
    this.#stored = { live: new LiveRows(store.get, written), read: store.get }
    this.#head = headOf(states.values())
    this.#reach = this.#head
  }

  get states(): ReadonlyMap<string, ViewState> {
    return this.#states
  }

  get head(): number {
    return this.#head
  }

  /** How far a view has come, what is held included; 0 for one that was not opened. */
  reached(name: string): number {
    const held = this.#held.positions.get(name) ?? this.#leaving.positions.get(name)
    return held ?? this.#states.get(name)?.position ?? 0
  }

  /** Stores the writes by which the views built beside these replace them, and takes them over. */
  adopt(built: Views, writes: ReadonlyArray<RowWrite>): Effect.Effect<void, ViewFailure> {
    const adopted = this.#store(writes, () => {
      for (const [name, state] of built.#states) this.#states.set(name, state)
      this.#forsaken = false
      // Lower than before where the views had come further than the log that was found.
      this.#head = headOf(this.#states.values())
      this.#reach = this.#head
      // They were built from a log that has what is held.
      this.#held = new Held()
      this.#leaving = new Held()
    })
    return this.#one.withPermit(adopted)
  }

  /** Before the rows are given up: until others are adopted, every read fails. */
  forsake(): void {
    this.#states.clear()
    this.#stored.live.clear()
    this.#forsaken = true
    this.#outcome = "none"
  }

  /** What every read fails with, while rows are damaged or given up. */
  get failure(): ViewFailure | undefined {
    if (this.#forsaken) return forsaken()
    return this.store.isDamaged() ? damaged() : undefined
  }

  /** What is held or was read before damage was found may come of it: it is no answer either. */
  #refuse(): void {
    const { failure } = this
    if (failure !== undefined) throw failure
  }

  #state(name: string): ViewState {
    this.#refuse()
    const state = this.#states.get(name)
    if (state === undefined) throw new Error(`the view ${name} was not opened with this ledger`)
    return state
  }

  #heldAt(view: string, key: string, position: number): RowChange | undefined {
    return this.#held.at(view, key, position) ?? this.#leaving.at(view, key, position)
  }

  readonly #present = (view: string, key: string): Plain | undefined => {
    this.#refuse()
    const held = this.#heldAt(view, key, latest)
    if (held !== undefined) return held.value
    return this.#stored.live.get(nowKey(this.#state(view).slot, key))?.value
  }

  /** An empty draft over what is stored and held now. */
  draft(): Draft {
    return new Draft(this.#present)
  }

  /**
   * Takes over a draft, and that these views have come as far as `positions` says: everyone sees it
   * from now on. The log has its events, in records of so many bytes.
   */
  hold(draft: Draft, positions: Positions, bytes: number): void {
    this.take(draft, positions, bytes)
    this.store.note(this.#head)
  }

  /** As `hold`, of a log that has been read and may go further: that is not noted. */
  take(draft: Draft, positions: Positions, bytes: number): void {
    const head = Math.max(this.#head, ...positions.values())
    this.#held.take({ draft, positions, count: head - this.#head, bytes })
    this.#head = head
  }

  /** How many times over what is held should be stored, beside what is being stored already. */
  get overdue(): number {
    return this.#held.fullness
  }

  /** Stores what is held. After a failure it still is, so that readers see what they saw. */
  readonly flush: Effect.Effect<void, ViewFailure> = this.#one.withPermit(
    Effect.suspend(() => {
      this.#leaving.take(this.#held)
      this.#held = new Held()
      const { draft, positions } = this.#leaving
      if (positions.size === 0) return Effect.void
      return this.#commit(draft, positions, () => {
        this.#leaving = new Held()
      })
    }),
  )

  /**
   * Stores a draft, and that these views have come as far as `positions` says, while nothing is
   * held. All or none. After a failure whose outcome is unknown every further commit fails: open
   * the views again.
   */
  commit(draft: Draft, positions: Positions): Effect.Effect<void, ViewFailure> {
    const store = Effect.suspend(() => this.#commit(draft, positions, () => undefined))
    return Effect.andThen(this.flush, this.#one.withPermit(store))
  }

  #commit(draft: Draft, positions: Positions, stored: () => void) {
    return Effect.flatMap(
      attempt(() => this.#settle(draft, positions)),
      ({ writes, states, live }) =>
        this.#store(writes, () => {
          for (const state of states) {
            Object.assign(this.#state(state.name), state)
            this.#head = Math.max(this.#head, state.position)
          }
          for (const { key, before, row } of live) this.#stored.live.set(key, before, row)
          stored()
        }),
    )
  }

  #settle(draft: Draft, positions: Positions) {
    const writes: Array<RowWrite> = []
    const states: Array<ViewState> = []
    const live: Array<LiveChange> = []
    for (const [name, position] of positions) {
      // A copy: until the rows are stored, their counts are not true.
      const state = { ...this.#state(name), position }
      const settled = settle(state, draft.changes.get(name) ?? new Map(), this.#stored)
      for (const write of settled.writes) writes.push(write)
      for (const row of settled.live) live.push(row)
      writes.push(registryWrite(state, this.build))
      states.push(state)
      this.#reach = Math.max(this.#reach, position)
    }
    return { writes, states, live }
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
    const state = this.#state(name)
    const held = this.#heldAt(name, key, state.past ? position : latest)
    return held === undefined
      ? readAt(this.#stored, state, key, position, position >= this.#reach)
      : held.value
  }

  readonly #list = Effect.fnUntraced(function* (
    this: Views,
    name: string,
    query: ListQuery<string>,
    position: number,
  ): Effect.fn.Return<Listed, ViewFailure> {
    yield* attempt(() => this.#refuse())
    const { reverse = false, countMax } = query
    // Of what came after the position nothing is needed.
    if (!this.#state(name).past || position > this.#state(name).position) yield* this.flush
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

const damaged = (): ViewFailure =>
  new ViewFailure({
    message: "the views are damaged: call rebuild(), or open them again",
    operation: "read",
    reason: "damaged",
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

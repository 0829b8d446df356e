/**
 * Opening views, and rebuilding them beside those in use.
 *
 * A build is a set of views in fresh slots that starts from nothing; when it has caught up it takes
 * the place of the old rows in one write. A crash in between leaves the old views in use.
 */
import * as Effect from "effect/Effect"
import type { ViewFailure } from "../errors.js"
import type { ViewSpec } from "./draft.js"
import {
  type Build,
  newState,
  readRegistry,
  registryDelete,
  registryRange,
  registryWrite,
  slotMark,
  slotMarkKey,
  slotMarkWrite,
  slotRanges,
  stampOf,
  type ViewState,
} from "./registry.js"
import { attempt, type RowStore, type RowWrite } from "./view-store.js"
import { Views } from "./views.js"

// More views than any program declares; a registry larger than this would be no registry.
const viewCountMax = 100_000

const readEntries = Effect.fnUntraced(function* (store: RowStore) {
  const [rows = []] = yield* store.scan([
    { ...registryRange, reverse: false, countMax: viewCountMax },
  ])
  return yield* attempt(() => readRegistry(rows))
})

const clearSlot = (store: RowStore, slot: number) =>
  Effect.forEach(slotRanges(slot), (range) => store.clear(range), { discard: true })

const dropView = Effect.fnUntraced(function* (
  store: RowStore,
  { name, slot }: ViewState,
  build: Build,
) {
  yield* clearSlot(store, slot)
  yield* store.commit([registryDelete(name, build)])
})

/** Starts building these views from nothing, beside what is in use. */
export const beginBuild = Effect.fnUntraced(function* (
  store: RowStore,
  specs: ReadonlyArray<ViewSpec>,
): Effect.fn.Return<Views, ViewFailure> {
  const entries = yield* readEntries(store)
  // An earlier build that was given up: its entry is about to be overwritten.
  for (const { state, build } of entries)
    if (build === "building" && specs.some(({ name }) => name === state.name))
      yield* clearSlot(store, state.slot)
  let slot = yield* attempt(() => slotMark(store.get(slotMarkKey)))
  const states = new Map(specs.map((spec) => [spec.name, newState(spec, ++slot)]))
  const writes = [...states.values()].map((state) => registryWrite(state, "building"))
  if (states.size > 0) yield* store.commit([...writes, slotMarkWrite(slot)])
  return new Views(store, "building", states)
})

/** Puts what was built in the place of the views before it, and drops their rows. */
export const switchOver = Effect.fnUntraced(function* (
  views: Views,
  built: Views,
): Effect.fn.Return<void, ViewFailure> {
  if (built.states.size === 0) return
  const replaced: Array<ViewState> = []
  const writes: Array<RowWrite> = []
  for (const state of built.states.values()) {
    const before = views.states.get(state.name)
    writes.push(registryWrite(state, "current"))
    // Entered as a build that nobody finished, so that opening drops the rows if we cannot.
    if (before === undefined) writes.push(registryDelete(state.name, "building"))
    else {
      replaced.push(before)
      writes.push(registryWrite(before, "building"))
    }
  }
  yield* views.adopt(built, writes)
  for (const state of replaced) yield* dropView(views.store, state, "building")
})

/** What opening found: the views that are stored, and those that have to be rebuilt. */
export interface OpenedViews {
  readonly views: Views
  readonly stale: ReadonlyArray<ViewSpec>
}

/**
 * Opens the views of these projections. Views that only other programs know stay as they are;
 * builds that an earlier process left half done are dropped. A view beyond `head`, the last event
 * of the log, has seen what is no longer there: it is stale, and one of another program is dropped,
 * since that program would take the next events at those positions for those it has seen.
 */
export const openViews = Effect.fnUntraced(function* (
  store: RowStore,
  specs: ReadonlyArray<ViewSpec>,
  head = Number.MAX_SAFE_INTEGER,
): Effect.fn.Return<OpenedViews, ViewFailure> {
  const current = new Map<string, ViewState>()
  for (const { state, build } of yield* readEntries(store)) {
    const isForeign = specs.every(({ name }) => name !== state.name)
    if (build === "building") yield* dropView(store, state, build)
    else if (isForeign && state.position > head) yield* dropView(store, state, build)
    else current.set(state.name, state)
  }
  const states = new Map<string, ViewState>()
  const stale: Array<ViewSpec> = []
  for (const spec of specs) {
    const state = current.get(spec.name)
    // A stale view is opened too, so that switching over knows which rows to drop.
    if (state !== undefined) states.set(spec.name, state)
    const isCurrent = state?.stamp === stampOf(spec) && state.past === (spec.past ?? true)
    if (!isCurrent || state.position > head) stale.push(spec)
  }
  return { views: new Views(store, "current", states), stale }
})

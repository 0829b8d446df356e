/**
 * The view store in memory: for tests, scratch ledgers and builds that nobody keeps.
 *
 * Rows lie in a Map; a sorted list of keys is made when a scan needs one. Failpoints make an
 * operation fail before or after it took effect.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ViewFailure } from "../errors.js"
import { compareUtf8 } from "../model/tree.js"
import type { KeyRange } from "./key.js"
import {
  type RowWrite,
  type ScanRange,
  type StoredRow,
  ViewStore,
  type ViewStoreShape,
} from "./view-store.js"

export type Operation = "scan" | "commit" | "clear"

/** Consulted around each operation; a failure that it returns is what the caller gets. */
export type Failpoint = (operation: Operation, phase: "before" | "after") => ViewFailure | undefined

export interface MemoryOptions {
  /** Rows that outlive the layer, so that a test can close and open again. */
  readonly rows?: Map<string, Uint8Array>
  readonly failpoint?: Failpoint
}

const inside = (key: string, { gte, lt }: KeyRange): boolean =>
  compareUtf8(key, gte) >= 0 && compareUtf8(key, lt) < 0

const make = ({ rows = new Map(), failpoint = () => undefined }: MemoryOptions): ViewStoreShape => {
  let sorted: ReadonlyArray<string> | undefined
  let noted = 0
  const keys = () => {
    sorted ??= [...rows.keys()].sort(compareUtf8)
    return sorted
  }

  const guarded = <A>(operation: Operation, act: () => A): Effect.Effect<A, ViewFailure> =>
    Effect.suspend(() => {
      const before = failpoint(operation, "before")
      if (before !== undefined) return Effect.fail(before)
      const result = act()
      const after = failpoint(operation, "after")
      return after === undefined ? Effect.succeed(result) : Effect.fail(after)
    })

  const firstAtOrBehind = (key: string): number => {
    let [low, high] = [0, keys().length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareUtf8(keys()[middle] ?? "", key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  const scanOne = ({ gte, lt, reverse, countMax }: ScanRange): ReadonlyArray<StoredRow> => {
    const [start, end] = [firstAtOrBehind(gte), firstAtOrBehind(lt)]
    const found = reverse
      ? keys()
          .slice(Math.max(start, end - countMax), end)
          .reverse()
      : keys().slice(start, Math.min(end, start + countMax))
    return found.map((key) => [key, rows.get(key) ?? new Uint8Array(0)])
  }

  const commit = (writes: ReadonlyArray<RowWrite>) =>
    guarded("commit", () => {
      for (const { key, value } of writes) {
        if (rows.has(key) !== (value !== undefined)) sorted = undefined
        if (value === undefined) rows.delete(key)
        else rows.set(key, value)
      }
    })

  return {
    get: (key) => rows.get(key),
    scan: (ranges) => guarded("scan", () => ranges.map(scanOne)),
    commit,
    commitDurably: commit,
    note: (position) => {
      noted = position
    },
    noted: () => noted,
    clear: (range) =>
      guarded("clear", () => {
        sorted = undefined
        for (const key of rows.keys()) if (inside(key, range)) rows.delete(key)
      }),
    beganAnew: false,
    isDamaged: () => false,
    renew: guarded("clear", () => {
      sorted = undefined
      rows.clear()
    }),
  }
}

export const layerWith = (options: MemoryOptions): Layer.Layer<ViewStore> =>
  Layer.sync(ViewStore, () => make(options))

/** No rows yet, and forgotten with its scope. */
export const layer: Layer.Layer<ViewStore> = Layer.suspend(() => layerWith({}))

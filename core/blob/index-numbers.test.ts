/**
 * Numbers of batches: any that is missing before a later one shows, also across the times when old
 * ones are dropped.
 */
import { describe, expect, it } from "vitest"
import { baseKey, IndexNumbers, type Numbering, numberRange } from "./index-numbers.js"

/** An index that holds nothing but what numbers its batches. */
class Index {
  readonly rows = new Map<string, Buffer>()
  synced = 0

  apply({ operations, sync }: Numbering): void {
    if (sync) this.synced += 1
    for (const operation of operations)
      if (operation.type === "put") this.rows.set(operation.key.toString("hex"), operation.value)
      else this.rows.delete(operation.key.toString("hex"))
  }

  get numbers(): ReadonlyArray<string> {
    const prefix = numberRange.gte.toString("hex")
    return [...this.rows.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  opened(without: ReadonlyArray<string> = []): IndexNumbers | undefined {
    const kept = this.numbers.filter((key) => !without.includes(key))
    const base = this.rows.get(baseKey.toString("hex"))
    return IndexNumbers.of(
      base,
      kept.map((key) => Buffer.from(key, "hex")),
    )
  }
}

const filled = (count: number): Index => {
  const index = new Index()
  const numbers = new IndexNumbers()
  for (let n = 0; n < count; n += 1) index.apply(numbers.take())
  return index
}

describe("the numbers of an index", () => {
  it.each([1, 2, 17, 999, 1_000, 1_001, 2_500, 5_000])("are whole after %i batches", (count) => {
    const index = filled(count)
    expect(index.opened()).toBeDefined()
    expect(index.numbers.length).toBeLessThanOrEqual(2_001)
    expect(index.synced).toBe(Math.floor(Math.max(0, count - 1) / 1_000))
  })

  it.each([3, 1_500, 3_300])("show one of %i that is missing, unless it is the last", (count) => {
    const index = filled(count)
    const { numbers } = index
    for (const at of [0, 1, Math.floor(numbers.length / 2), numbers.length - 2])
      expect(index.opened(numbers.slice(at, at + 1))).toBeUndefined()
    expect(index.opened(numbers.slice(-1))).toBeDefined()
    expect(index.opened(numbers)).toBeUndefined()
  })

  it("go on where they were, synced where a batch is synced anyway", () => {
    const index = filled(5)
    const again = index.opened()
    for (const isSynced of [false, true, false, true, true, false])
      index.apply(again?.take(isSynced) ?? { operations: [], sync: false })
    expect(index.synced).toBe(3)
    expect(index.opened()).toBeDefined()
    expect(index.numbers.length).toBeLessThan(6)
  })

  it("are none in an index without a base, or of another format", () => {
    const index = filled(3)
    const key = baseKey.toString("hex")
    const base = index.rows.get(key) ?? Buffer.alloc(0)
    for (const spoilt of [Buffer.of(2), Buffer.alloc(0), Buffer.concat([base, base])]) {
      index.rows.set(key, spoilt)
      expect(index.opened()).toBeUndefined()
    }
    index.rows.delete(key)
    expect(index.opened()).toBeUndefined()
  })
})

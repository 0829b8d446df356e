/**
 * The draft over a store that is a plain map: what reads see, and which changes it hands on.
 */
import { describe, expect, it } from "vitest"
import type { Plain } from "../model/msgpack.js"
import { Draft, type ViewOf } from "./draft.js"
import { encodeKey } from "./key.js"

type Counts = { readonly count: number }
type Names = { readonly name: string; readonly alias: string }

const counts: ViewOf<Counts> = { name: "counts" }
const names: ViewOf<Names> = { name: "names" }

/** A draft over these stored rows; `reads` lists what fell through to them. */
const draftOver = (stored: Readonly<Record<string, Plain>>) => {
  const reads: Array<string> = []
  const rows = new Map(Object.entries(stored))
  const draft = new Draft((view, key) => {
    const name = `${view}/${key.split("\u0000").slice(0, -1).join("/")}`
    reads.push(name)
    return rows.get(name)
  })
  return { draft, reads }
}

const changesOf = (draft: Draft, view: string, ...key: ReadonlyArray<string>) =>
  draft.changes.get(view)?.get(encodeKey(key))

describe("reads", () => {
  it("fall through to what is stored, in their own view only", () => {
    const { draft, reads } = draftOver({ "counts/count/a": 1, "names/name/a": "ann" })
    expect(draft.view(counts).get(["count", "a"])).toBe(1)
    expect(draft.view(names).get(["name", "a"])).toBe("ann")
    expect(draft.view(names).get(["alias", "a"])).toBeUndefined()
    expect(reads).toEqual(["counts/count/a", "names/name/a", "names/alias/a"])
  })

  it("see what was written before, without asking the store again", () => {
    const { draft, reads } = draftOver({ "counts/count/a": 1 })
    const rows = draft.rows(counts, 5)
    rows.put(["count", "a"], 2)
    expect(rows.get(["count", "a"])).toBe(2)
    expect(draft.view(counts).get(["count", "a"])).toBe(2)
    expect(draft.view(names).get(["name", "a"])).toBeUndefined()
    expect(reads).toEqual(["names/name/a"])
  })

  it("see a deletion as nothing, though the store holds the row", () => {
    const { draft } = draftOver({ "counts/count/a": 1 })
    draft.rows(counts, 5).delete(["count", "a"])
    expect(draft.view(counts).get(["count", "a"])).toBeUndefined()
    draft.rows(counts, 6).put(["count", "a"], 0)
    expect(draft.view(counts).get(["count", "a"])).toBe(0)
  })

  it("tell a stored null, false, 0 and empty text from nothing", () => {
    const values = [null, false, 0, ""]
    for (const value of values) {
      const draft = new Draft(() => "below")
      const anything: ViewOf<{ readonly cell: Plain }> = { name: "anything" }
      draft.rows(anything, 1).put(["cell"], value)
      expect(draft.view(anything).get(["cell"])).toBe(value)
    }
  })
})

describe("changes", () => {
  it("of one key at several positions are all kept, in order", () => {
    const { draft } = draftOver({})
    draft.rows(counts, 5).put(["count", "a"], 1)
    draft.rows(counts, 6).delete(["count", "a"])
    draft.rows(counts, 9).put(["count", "a"], 3)
    expect(changesOf(draft, "counts", "count", "a")).toEqual([
      { position: 5, value: 1 },
      { position: 6, value: undefined },
      { position: 9, value: 3 },
    ])
  })

  it("of one key at one position leave only the last", () => {
    const { draft } = draftOver({})
    const rows = draft.rows(counts, 5)
    rows.put(["count", "a"], 1)
    rows.delete(["count", "a"])
    rows.put(["count", "a"], 2)
    draft.rows(counts, 6).put(["count", "a"], 3)
    draft.rows(counts, 6).delete(["count", "a"])
    expect(changesOf(draft, "counts", "count", "a")).toEqual([
      { position: 5, value: 2 },
      { position: 6, value: undefined },
    ])
  })

  it("are kept by view and key, also where parts of a key run into one another", () => {
    const { draft } = draftOver({})
    draft.rows(counts, 1).put(["count", "a", "b"], 1)
    draft.rows(counts, 1).put(["count", "ab"], 2)
    draft.rows(counts, 1).put(["count", "a\u0000b"], 3)
    draft.rows(names, 1).put(["name"], "x")
    expect([...draft.changes.keys()]).toEqual(["counts", "names"])
    expect(draft.changes.get("counts")?.size).toBe(3)
    expect(draft.view(counts).get(["count", "a", "b"])).toBe(1)
    expect(draft.view(counts).get(["count", "ab"])).toBe(2)
    expect(draft.view(counts).get(["count", "a\u0000b"])).toBe(3)
  })

  it("are none when nothing was written", () => {
    const { draft } = draftOver({ "counts/count/a": 1 })
    draft.view(counts).get(["count", "a"])
    draft.rows(counts, 1)
    expect(draft.changes.size).toBe(0)
  })
})

describe("forks", () => {
  it("read through to the draft and on to the store", () => {
    const { draft } = draftOver({ "counts/count/a": 1, "counts/count/b": 2 })
    draft.rows(counts, 5).put(["count", "b"], 3)
    const fork = draft.fork().fork()
    expect(fork.view(counts).get(["count", "a"])).toBe(1)
    expect(fork.view(counts).get(["count", "b"])).toBe(3)
  })

  it("leave no trace when they are dropped", () => {
    const { draft } = draftOver({ "counts/count/a": 1 })
    draft.rows(counts, 5).put(["count", "b"], 1)
    const fork = draft.fork()
    fork.rows(counts, 6).delete(["count", "a"])
    fork.rows(counts, 6).put(["count", "b"], 2)
    fork.rows(names, 6).put(["name", "c"], "c")
    expect(fork.view(counts).get(["count", "a"])).toBeUndefined()
    expect(draft.view(counts).get(["count", "a"])).toBe(1)
    expect(draft.view(counts).get(["count", "b"])).toBe(1)
    expect([...draft.changes.keys()]).toEqual(["counts"])
    expect(changesOf(draft, "counts", "count", "b")).toEqual([{ position: 5, value: 1 }])
  })

  it("hand over everything they collected when they are merged", () => {
    const { draft } = draftOver({ "counts/count/a": 1 })
    draft.rows(counts, 5).put(["count", "a"], 2)
    const fork = draft.fork()
    fork.rows(counts, 6).put(["count", "a"], 3)
    fork.rows(counts, 7).delete(["count", "a"])
    fork.rows(names, 7).put(["alias", "x"], "y")
    draft.merge(fork)
    expect(changesOf(draft, "counts", "count", "a")).toEqual([
      { position: 5, value: 2 },
      { position: 6, value: 3 },
      { position: 7, value: undefined },
    ])
    expect(draft.view(counts).get(["count", "a"])).toBeUndefined()
    expect(draft.view(names).get(["alias", "x"])).toBe("y")
  })

  it("replace a change of the draft at the same position when they are merged", () => {
    const { draft } = draftOver({})
    draft.rows(counts, 5).put(["count", "a"], 1)
    const fork = draft.fork()
    fork.rows(counts, 5).put(["count", "a"], 2)
    draft.merge(fork)
    expect(changesOf(draft, "counts", "count", "a")).toEqual([{ position: 5, value: 2 }])
  })

  it("see what the draft takes on after they were made", () => {
    const { draft } = draftOver({})
    const fork = draft.fork()
    draft.rows(counts, 5).put(["count", "a"], 1)
    expect(fork.view(counts).get(["count", "a"])).toBe(1)
  })
})

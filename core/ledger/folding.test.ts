import { describe, expect, it } from "vitest"
import type { Recorded } from "../event/event.js"
import { projection } from "../projection/projection.js"
import { Draft } from "../view/draft.js"
import { Folding } from "./folding.js"

type Counts = { readonly seen: number }

const counting = (name: string, failsAt = 0) =>
  projection<Counts>()({
    name,
    revision: 1,
    on: {},
    onEvery: (rows, { position }) => {
      rows.put(["seen"], (rows.get(["seen"]) ?? 0) + 1)
      if (position === failsAt) throw new Error("no such thing")
    },
  })

const events = [1, 2, 3, 4].map(
  (position): Recorded => ({
    position,
    id: "",
    type: "any",
    revision: 1,
    time: 0,
    subjects: [],
    data: null,
  }),
)

const empty = () => new Draft(() => undefined)

describe("folding", () => {
  it("goes on behind the position that a view has reached", () => {
    const own = counting("own")
    const draft = empty()
    expect(new Folding([], [own]).foldOne(own, draft, events, 2)).toBe(4)
    expect(draft.view(own).get(["seen"])).toBe(2)
  })

  it("stops a caller's view at the event that its fold throws at, with nothing of it kept", () => {
    const own = counting("own", 3)
    const folding = new Folding([], [own])
    const draft = empty()
    expect(folding.foldOne(own, draft, events, 0)).toBe(2)
    expect(draft.view(own).get(["seen"])).toBe(2)
    expect(folding.stopped.get("own")?.position).toBe(3)
    expect(String(folding.stopped.get("own")?.cause)).toContain("no such thing")
    expect(folding.foldOne(own, draft, events, 2)).toBe(2)
  })

  it("lets a defect of the ledger's own folds out", () => {
    const core = counting("core", 3)
    const folding = new Folding([core], [])
    expect(() => folding.foldOne(core, empty(), events, 0)).toThrow("no such thing")
    expect(folding.stopped.size).toBe(0)
  })

  it("folds an event into every view that has a fold for it", () => {
    const [one, two] = [counting("one"), counting("two")]
    const idle = projection<Counts>()({ name: "idle", revision: 1, on: {} })
    const draft = empty()
    const folding = new Folding([one, idle, two], [])
    for (const event of events) folding.foldCore(draft, event)
    expect([...draft.changes.keys()]).toEqual(["one", "two"])
    expect(draft.changes.get("one")?.size).toBe(1)
  })
})

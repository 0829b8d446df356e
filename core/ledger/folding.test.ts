import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import { projection } from "../projection/projection.js"
import { Draft } from "../view/draft.js"
import { Folding } from "./folding.js"

const codec = makeCodec(catalog)

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

type Counting = ReturnType<typeof counting>

const events = [1, 2, 3, 4].map(
  (position): Recorded => ({
    position,
    id: "",
    type: "their/any",
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
    expect(new Folding(codec, [], [own]).foldOne(own, draft, events, 2)).toBe(4)
    expect(draft.view(own).get(["seen"])).toBe(2)
  })

  it("stops a caller's view at the event that its fold throws at, with nothing of it kept", () => {
    const own = counting("own", 3)
    const folding = new Folding(codec, [], [own])
    const draft = empty()
    expect(folding.foldOne(own, draft, events, 0)).toBe(2)
    expect(draft.view(own).get(["seen"])).toBe(2)
    expect(folding.stopped.get("own")?.position).toBe(3)
    expect(String(folding.stopped.get("own")?.cause)).toContain("no such thing")
    expect(folding.foldOne(own, draft, events, 2)).toBe(2)
  })

  it("lets a defect of the ledger's own folds out", () => {
    const core = counting("core", 3)
    const folding = new Folding(codec, [core], [])
    expect(() => folding.foldTogether([core], empty(), events, 0)).toThrow("no such thing")
    expect(folding.stopped.size).toBe(0)
  })

  it("folds an event into every view that has a fold for it", () => {
    const [one, two] = [counting("one"), counting("two")]
    const idle = projection<Counts>()({ name: "idle", revision: 1, on: {} })
    const draft = empty()
    const folding = new Folding(codec, [one, idle, two], [])
    for (const event of events) folding.foldCore(draft, event)
    expect([...draft.changes.keys()]).toEqual(["one", "two"])
    expect(draft.changes.get("one")?.size).toBe(1)
  })

  it("takes each view on from where it is, and says how far it came", () => {
    const views = ["one", "two", "three", "own"].map((name) => counting(name))
    const [one, two, three, own] = views as [Counting, Counting, Counting, Counting]
    const folding = new Folding(codec, [one, two, three], [own])
    const draft = empty()
    const reached = new Map([
      ["one", 1],
      ["two", 3],
      ["three", 1],
      ["own", 4],
    ])
    folding.foldAll(views, draft, events, reached)
    expect([...reached.values()]).toEqual([4, 4, 4, 4])
    expect(views.map((view) => draft.view(view).get(["seen"]))).toEqual([3, 1, 3, undefined])
    const gap = () => folding.foldAll([one], draft, events.slice(2), new Map([["one", 1]]))
    expect(gap).toThrow("one would miss the events after 1")
  })

  it.each<[string, unknown, string]>([
    ["row", 2n ** 70n, "seen"],
    ["row", { at: new Date(0) }, "seen"],
    ["row", JSON.parse('{"__proto__":1}'), "seen"],
    ["row", Symbol("s"), "seen"],
    ["key", 1, "half \ud800"],
  ])("stops a caller's view at a %s that cannot be stored", (what, value, key) => {
    const own = projection<Counts>()({
      name: "own",
      revision: 1,
      on: {},
      onEvery: (rows, { position }) => {
        if (position === 2) rows.put([key as "seen"], value as number)
      },
    })
    const folding = new Folding(codec, [], [own])
    const draft = empty()
    expect(folding.foldOne(own, draft, events, 0)).toBe(1)
    expect(draft.changes.size).toBe(0)
    expect(String(folding.stopped.get("own")?.cause)).toContain(`a ${what} of own`)
  })

  it("stops a view at an event of a newer revision that it has a fold for", () => {
    const later = [events[0], { ...events[1], type: "version-saved", revision: 2 }] as typeof events
    const views = (name: string) =>
      projection<Counts>()({
        name,
        revision: 1,
        on: { "version-saved": (rows) => rows.put(["seen"], 1) },
      })
    const own = new Folding(codec, [], [views("own")])
    expect(own.foldOne(views("own"), empty(), later, 0)).toBe(1)
    expect(own.stopped.get("own")).toMatchObject({ position: 2, cause: { _tag: "WrongLedger" } })
    const core = views("core")
    expect(() => new Folding(codec, [core], []).foldTogether([core], empty(), later, 0)).toThrow(
      expect.objectContaining({ _tag: "WrongLedger", found: "version-saved of revision 2" }),
    )
    const idle = counting("idle")
    expect(new Folding(codec, [], [idle]).foldOne(idle, empty(), later, 0)).toBe(2)
    // Whatever it may be about, a newer release of the ledger recorded it.
    for (const type of ["version-saved", "artifact-renamed"])
      expect(() =>
        new Folding(codec, [idle], []).foldTogether(
          [idle],
          empty(),
          [{ ...later[1], type, position: 1 } as (typeof events)[number]],
          0,
        ),
      ).toThrow(expect.objectContaining({ _tag: "WrongLedger" }))
  })
})

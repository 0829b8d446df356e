import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { projection } from "../projection/projection.js"
import { MemoryPlace, opened } from "./places.contract.js"

const empty = { position: 1, artifacts: 0, versions: 0, tags: 0, logicalBytes: 0, waiting: 0 }

type Rows = { readonly nothing: null }

/** Throws at the second version it sees. */
const fragile = projection<{ readonly seen: number } & Rows>()({
  name: "own/fragile",
  revision: 1,
  on: {
    "version-saved": (rows) => {
      if (rows.get(["seen"]) === 1) throw new RangeError("one is enough")
      rows.put(["seen"], 1)
    },
  },
})

describe("stats", () => {
  it("of a new ledger count nothing but its first event", async () => {
    expect(await (await opened()).stats()).toMatchObject(empty)
  })

  it("count what ever was, deleted or not", async () => {
    const ledger = await opened()
    const bytes = Buffer.alloc(1_000, 7)
    await ledger.save("a", bytes, { tags: ["new", "gold"] })
    await ledger.save("a", bytes, { tags: "new" })
    await ledger.save("b", bytes)
    await ledger.defineTag("silver")
    await ledger.defineTag("silver", { exclusive: true })
    await ledger.tag("b", ["bronze", "gold"])
    const before = { artifacts: 2, versions: 3, tags: 4, logicalBytes: 3_000, position: 7 }
    expect(await ledger.stats()).toMatchObject({ ...before, position: ledger.position })
    await ledger.delete({ artifact: "b" })
    const position = ledger.position
    expect(await ledger.stats()).toMatchObject({ ...before, position })
    await ledger.restore({ artifact: "b" })
    expect(await ledger.stats()).toMatchObject({ ...before, position: position + 1 })
  })

  it("stay as they were when a write is refused", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { version: "v" })
    const before = await ledger.stats()
    await expect(ledger.save("a", 2, { version: "v" })).rejects.toMatchObject({ kind: "conflict" })
    expect(await ledger.stats()).toEqual(before)
  })

  it("are the same after a rebuild", async () => {
    const ledger = await opened()
    await ledger.save("a", "text", { tags: "new" })
    const before = await ledger.stats()
    await ledger.rebuild()
    expect(await ledger.stats()).toEqual(before)
  })

  it("say how far a caller's view is behind, and what its fold threw", async () => {
    const ledger = await opened({ memory: true, projections: [fragile] })
    await ledger.save("a", 1)
    expect((await ledger.stats()).projections).toMatchObject({ "own/fragile": { lag: 0 } })
    await ledger.save("a", 2)
    await ledger.save("a", 3)
    const { projections } = await ledger.stats()
    expect(projections["own/fragile"]).toEqual({ lag: 2, stopped: "RangeError: one is enough" })
    const { "own/fragile": _, ...core } = projections
    expect(Object.keys(core)).toContain("artifacts")
    expect(new Set(Object.values(core).map(({ lag }) => lag))).toEqual(new Set([0]))
  })

  it("show what was acknowledged, though the views cannot be stored", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1)
        const words = { message: "the disk failed", operation: "commit", reason: "io" } as const
        place.fail.view = (operation, phase) =>
          operation === "commit" && phase === "before"
            ? new ViewFailure({ ...words, outcome: "none" })
            : undefined
        yield* ledger.save("a", 2)
        yield* Effect.flip(ledger.listVersions())
        const { versions, projections } = yield* ledger.stats()
        expect(versions).toBe(2)
        expect(projections.versions).toEqual({ lag: 0 })
      }),
    )
  })
})

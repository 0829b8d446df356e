/**
 * Batches: what the callback collects is decided in its order, as a whole, when it is done.
 */
import { describe, expect, it } from "vitest"
import { compositeCountMax } from "../limits.js"
import type { BatchBuilder } from "./api.js"
import { opened } from "./places.contract.js"

const invalid = (path: string) => ({ _tag: "InvalidInput", kind: "invalid", path })

describe("a batch", () => {
  it("answers one a write, in order, all as of its last event", async () => {
    const ledger = await opened()
    let id = ""
    const results = await ledger.batch(async (b) => {
      b.defineTag("only", { exclusive: true, color: "red" })
      await Promise.resolve()
      id = b.save("model", { w: 1 }, { metadata: { a: 1, b: 2 } }).id
      b.tag({ id }, ["only", "plain"])
      b.untag({ id }, "plain")
      b.logMetadata({ id }, { c: 3 })
      b.removeMetadata({ id }, "a")
      b.save("report", "text", { inputs: [{ version: { id }, as: "model" }] })
    })
    expect(results.map((result) => ("changed" in result ? result.position : result.name))).toEqual([
      8,
      "model",
      8,
      8,
      8,
      8,
      "report",
    ])
    expect(results[1]).toMatchObject({ id, tags: ["only"], metadata: { b: 2, c: 3 }, position: 3 })
    expect(results[6]).toMatchObject({ inputs: [{ id, as: "model" }], position: 8 })
    expect(await ledger.get("model@only")).toEqual(results[1])
  })

  it("sees its own writes: a tag made exclusive in it moves in it", async () => {
    const ledger = await opened()
    await ledger.batch((b) => {
      b.defineTag("best", { exclusive: true })
      const ids = [1, 2].map((value) => b.save("a", value).id)
      for (const id of ids) b.tag({ id }, "best")
    })
    expect((await ledger.get("a@best")).version).toBe("2")
    expect((await ledger.get("a@1")).tags).toEqual([])
  })

  it("holds what it saves, and releases what was held", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    await ledger.hold("a@1")
    await ledger.batch((b) => {
      b.hold(b.save("a", 2))
      b.release("a@1", { expect: { latest: "2" } })
    })
    const { entries } = await ledger.listVersions({ held: true })
    expect(entries).toMatchObject([{ version: "2", held: { position: 5 } }])
    const refused = ledger.batch((b) => {
      b.release("a@2")
      b.hold("a")
    })
    await expect(refused).rejects.toMatchObject({ _tag: "InvalidReference", reference: "a" })
    expect(ledger.position).toBe(6)
  })

  it("of nothing is no event and no refusal", async () => {
    const ledger = await opened()
    expect(await ledger.batch(() => undefined)).toEqual([])
    expect(ledger.position).toBe(1)
  })

  it("leaves nothing when its last write is refused", async () => {
    const ledger = await opened()
    const refused = ledger.batch((b) => {
      b.save("a", 1)
      b.tag("missing", "t")
    })
    await expect(refused).rejects.toMatchObject({ _tag: "ArtifactMissing", artifact: "missing" })
    expect(ledger.position).toBe(1)
    expect(await ledger.findTag("t")).toBeUndefined()
  })
})

describe("the callback of a batch", () => {
  it("that throws stores nothing, and its own error comes out", async () => {
    const ledger = await opened()
    const own = new RangeError("mine")
    const thrown = ledger.batch((b) => {
      b.save("a", 1)
      throw own
    })
    await expect(thrown).rejects.toBe(own)
    expect(ledger.position).toBe(1)
  })

  it("cannot go on once it is done", async () => {
    const ledger = await opened()
    const kept: Array<BatchBuilder> = []
    await ledger.batch((b) => {
      kept.push(b)
      b.save("a", 1)
    })
    expect(() => kept[0]?.save("b", 2)).toThrow(expect.objectContaining(invalid("batch")))
    expect(() => kept[0]?.tag("a", "t")).toThrow(expect.objectContaining(invalid("batch")))
    expect(ledger.position).toBe(2)
  })

  it("is stopped at the first write above the bound", async () => {
    const ledger = await opened()
    let asked = 0
    const over = ledger.batch((b) => {
      for (; asked <= compositeCountMax; asked += 1) b.logMetadata("a", { asked })
      asked = Number.NaN
    })
    const actual = compositeCountMax + 1
    await expect(over).rejects.toMatchObject({ limit: "compositeCountMax", actual })
    expect(asked).toBe(compositeCountMax)
  })

  it("cannot ask for what would make the id that it gets a lie", async () => {
    const ledger = await opened()
    const options = { reuse: "content" } as object
    const refused = ledger.batch((b) => void b.save("a", 1, options))
    await expect(refused).rejects.toMatchObject(invalid("options.reuse"))
  })

  it("gives no key or reason to one of its writes: they are those of the batch", async () => {
    const ledger = await opened()
    for (const options of [{ idempotencyKey: "k" }, { reason: "why" }]) {
      const refused = ledger.batch((b) => void b.save("a", 1, options as object))
      await expect(refused).rejects.toMatchObject({ _tag: "InvalidInput" })
    }
    expect(ledger.position).toBe(1)
  })

  it("lets each of its writes expect something, and nothing else", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    await ledger.defineTag("only", { exclusive: true })
    const expecting = (holder: string | null) =>
      ledger.batch((b) => {
        b.save("a", 2)
        b.tag("a@1", "only", { expect: { holder } })
        b.logMetadata("a@1", { n: 1 }, { expect: { latest: "2" } })
      })
    await expect(expecting("9")).rejects.toMatchObject({ _tag: "ExpectationFailed", actual: null })
    expect(ledger.position).toBe(3)
    await expecting(null)
    expect(ledger.position).toBe(6)
    for (const method of ["tag", "untag", "logMetadata", "removeMetadata"] as const) {
      const odd = ledger.batch((b) => b[method]("a", ["x"] as never, { bogus: 1 } as object))
      await expect(odd).rejects.toMatchObject(invalid("options.bogus"))
    }
    const defined = ledger.batch((b) => b.defineTag("only", { expect: { position: 1 } }))
    await expect(defined).rejects.toMatchObject({ expectation: "position", actual: 5 })
  })

  it("is not asked at all when an option is not one of a batch", async () => {
    const ledger = await opened()
    let asked = false
    const build = (b: BatchBuilder) => {
      asked = true
      b.save("a", 1)
    }
    for (const options of [{ idempotence: "k" }, { expect: { position: 7 } }] as const) {
      const [key = ""] = Object.keys(options)
      const refused = ledger.batch(build, options as object)
      await expect(refused).rejects.toMatchObject(invalid(`options.${key}`))
    }
    expect(asked).toBe(false)
  })
})

import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { pageSizeMax } from "../limits.js"
import { projection } from "../projection/projection.js"
import { MemoryPlace, opened } from "./places.contract.js"

const gather = async <A>(all: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  for await (const each of all) found.push(each)
  return found
}

type Labels = { readonly label: string }

/** The last label of each artifact; throws at the label `boom`. */
const labels = projection<Labels>()({
  name: "own/labels",
  revision: 1,
  on: {
    "version-saved": (rows, { data }) => {
      if (data.version.label === "boom") throw new Error("boom")
      rows.put(["label", data.artifact.name], data.version.label)
    },
  },
})

const withLabels = () => opened({ memory: true, projections: [labels] })

describe("what may be missing", () => {
  it("is undefined to find, and an error to get", async () => {
    const ledger = await opened()
    await ledger.defineTag("gold", { exclusive: true })
    await ledger.save("a", 1, { tags: "gold" })
    const present = [ledger.find("a@gold"), ledger.findArtifact("a"), ledger.findTag("gold")]
    expect((await Promise.all(present)).map((found) => found?.name)).toEqual(["a", "a", "gold"])
    const absent = ["b", "a@9", "a@silver", "01J0TEST000000000000000000"].map(ledger.find)
    expect(await Promise.all(absent)).toEqual([undefined, undefined, undefined, undefined])
    expect(await ledger.findArtifact("b")).toBeUndefined()
    expect(await ledger.findTag("silver")).toBeUndefined()
    await expect(ledger.get("b")).rejects.toMatchObject({ _tag: "ArtifactMissing" })
    await expect(ledger.artifact("b")).rejects.toMatchObject({ _tag: "ArtifactMissing" })
  })

  it("is looked up by exact keys alone where nobody asks what there is instead", async () => {
    const place = new MemoryPlace(0)
    let scans = 0
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1)
        place.fail.view = (operation) => {
          if (operation === "scan") scans += 1
          return undefined
        }
        expect(yield* ledger.find("b")).toBeUndefined()
        expect(yield* ledger.find("a@9")).toBeUndefined()
        expect(yield* ledger.findArtifact("b")).toBeUndefined()
        expect(scans).toBe(0)
        expect(yield* Effect.flip(ledger.get("b"))).toMatchObject({ candidates: ["a"] })
        expect(scans).toBeGreaterThan(0)
      }),
    )
  })

  it("does not excuse what can name nothing at all", async () => {
    const ledger = await opened()
    for (const call of [ledger.find("a@@"), ledger.findArtifact(""), ledger.findTag("")])
      await expect(call).rejects.toMatchObject({ kind: "invalid" })
  })

  it("was there as of then", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const { position } = ledger
    await ledger.delete({ artifact: "a" })
    expect(await ledger.find("a")).toBeUndefined()
    expect((await ledger.asOf(position).find("a"))?.version).toBe("1")
    expect(await ledger.asOf(position - 1).find("a")).toBeUndefined()
  })
})

describe("every entry of a list", () => {
  it("comes once and in order, page after page, whatever is written meanwhile", async () => {
    const ledger = await opened()
    for (const name of ["a", "b", "c", "d"]) await ledger.save(name, 1)
    const wanted = (await ledger.listArtifacts()).entries.map(({ name }) => name)
    const seen: Array<string> = []
    for await (const { name } of ledger.artifacts({ limit: 1 })) {
      seen.push(name)
      await ledger.save(`new-${name}`, 1)
      if (seen.length === 1) await ledger.delete({ artifact: wanted[3] ?? "" })
    }
    expect(seen).toEqual(wanted)
  })

  it("may be none", async () => {
    const ledger = await opened()
    for (const all of [ledger.artifacts(), ledger.versions(), ledger.tags()])
      expect(await gather<unknown>(all)).toEqual([])
  })
})

describe("a query that is aborted", () => {
  const reason = new Error("no longer wanted")

  const filled = async () => {
    const ledger = await opened()
    await ledger.saveAll(["a", "b", "c"].map((name) => ({ name, value: 1, tags: name })))
    await ledger.logMetadata("a@1", { x: 1 })
    return ledger
  }

  it("before it began rejects with the signal's reason, whatever it asks", async () => {
    const ledger = await filled()
    const signal = AbortSignal.abort(reason)
    for (const call of [
      ledger.listArtifacts({ signal }),
      ledger.listVersions({ signal }),
      ledger.listTags({ signal }),
      gather<unknown>(ledger.artifacts({ signal })),
      gather<unknown>(ledger.versions({ signal })),
      gather<unknown>(ledger.tags({ signal })),
      gather(ledger.replay({ signal })),
      gather(ledger.history("a", { signal })),
      gather(ledger.asOf(ledger.position).history("a", { signal })),
    ])
      await expect(call).rejects.toBe(reason)
  })

  it("in the middle tells no more, and rejects with the reason", async () => {
    const ledger = await filled()
    const each = (of: (signal: AbortSignal) => AsyncIterable<unknown>) => async () => {
      const controller = new AbortController()
      let told = 0
      for await (const _ of of(controller.signal)) {
        told += 1
        controller.abort(reason)
      }
      return told
    }
    for (const told of [
      each((signal) => ledger.artifacts({ signal, limit: 1 })),
      each((signal) => ledger.versions({ signal, limit: 1 })),
      each((signal) => ledger.tags({ signal, limit: 1 })),
    ])
      await expect(told()).rejects.toBe(reason)
  })

  it("answers as ever while the signal stays silent, page after page", async () => {
    const ledger = await filled()
    const { signal } = new AbortController()
    const first = await ledger.listArtifacts({ limit: 2, signal })
    const rest = await ledger.listArtifacts({ limit: 2, cursor: first.next ?? "" })
    const names = [...first.entries, ...rest.entries].map(({ name }) => name)
    expect(names).toEqual(["a", "b", "c"])
    expect(await gather(ledger.history("a", { signal }))).toHaveLength(2)
    const odd = { signal: "SIGTERM" } as object
    await expect(ledger.listTags(odd)).rejects.toMatchObject({ path: "query.signal" })
  })
})

describe("load", () => {
  it("takes a version beside a bare name, and nothing else", async () => {
    const ledger = await opened()
    const { id } = await ledger.save("a", "one")
    await ledger.save("a", "two")
    expect(await ledger.load("a", { version: 1 })).toBe("one")
    expect(await ledger.load("a", { version: "latest" })).toBe("two")
    for (const reference of ["a@1", { name: "a" }, { id }])
      await expect(ledger.load(reference, { version: 1 })).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "options.version",
      })
  })

  it("refuses options that it does not know", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const odd: object = { versoin: 1 }
    const refusal = { _tag: "InvalidInput" }
    await expect(ledger.load("a", odd)).rejects.toMatchObject(refusal)
    await expect(ledger.zip("a", odd)).rejects.toMatchObject(refusal)
    await expect(gather(ledger.open("a", undefined, odd))).rejects.toMatchObject(refusal)
  })
})

describe("the rows of a caller's view", () => {
  it("are read by key and by page, of the present and of the past", async () => {
    const ledger = await withLabels()
    for (const name of ["a", "b", "c"]) await ledger.save(name, 1, { version: "x" })
    const { position } = ledger
    await ledger.save("a", 2, { version: "y" })
    const view = ledger.view(labels)
    expect([await view.get(["label", "a"]), await view.get(["label", "z"])]).toEqual([
      "y",
      undefined,
    ])
    expect(await ledger.asOf(position).view(labels).get(["label", "a"])).toBe("x")
    const first = await view.list(["label"], { limit: 2 })
    expect(first.entries.map(({ key, value }) => [...key, value])).toEqual([
      ["a", "y"],
      ["b", "x"],
    ])
    const rest = await view.list(["label"], { limit: 2, after: first.next ?? "" })
    expect(rest).toEqual({ entries: [{ key: ["c"], value: "x" }] })
    const reversed = await view.list(["label"], { reverse: true })
    expect(reversed.entries.map(({ key }) => key[0])).toEqual(["c", "b", "a"])
  })

  it.each([0, -1, 1.5, Number.NaN, pageSizeMax + 1])("are not listed by %d", async (limit) => {
    const view = (await withLabels()).view(labels)
    await expect(view.list(["label"], { limit })).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "options.limit",
    })
  })

  it("of a view that stopped are there for moments before it did", async () => {
    const ledger = await withLabels()
    await ledger.save("a", 1, { version: "fine" })
    const { position } = ledger
    await ledger.save("a", 2, { version: "boom" })
    const refusal = { _tag: "InvalidInput", path: "projection" }
    await expect(ledger.view(labels).get(["label", "a"])).rejects.toMatchObject(refusal)
    await expect(ledger.view(labels).list(["label"])).rejects.toMatchObject(refusal)
    expect(await ledger.asOf(position).view(labels).get(["label", "a"])).toBe("fine")
    expect(await ledger.load("a")).toBe(2)
  })

  it("of a view that the ledger was not given are refused", async () => {
    const view = (await opened()).view(labels)
    const refusal = { _tag: "InvalidInput", path: "projection" }
    await expect(view.get(["label", "a"])).rejects.toMatchObject(refusal)
  })
})

import { describe, expect, it } from "vitest"
import type { Materializer } from "../materializer/materializer.js"
import { opened } from "./places.contract.js"
import { openLedger } from "./promise.js"

const closed = { _tag: "LedgerClosed", kind: "unavailable" }

const gather = async <A>(all: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  for await (const each of all) found.push(each)
  return found
}

/** Reads every value as the same object, whatever was saved. */
const reading = <T>(value: T): Materializer<never, T> => ({
  name: "reading",
  revision: 1,
  accepts: () => false,
  save: () => Promise.reject(new Error("it only reads")),
  load: () => Promise.resolve(value),
})

describe("the door of promises", () => {
  it("gives answers as promises, many as async iterables, data as it is", async () => {
    const ledger = await opened()
    const saving = ledger.save("a", { b: 1 })
    expect(saving).toBeInstanceOf(Promise)
    const version = await saving
    expect(await ledger.load(version)).toEqual({ b: 1 })
    expect((await gather(ledger.versions())).map(({ id }) => id)).toEqual([version.id])
    expect(ledger.trust.position).toBe(1)
    await ledger.save("a", 2)
    expect([ledger.position, ledger.trust.position]).toEqual([3, 1])
  })

  it("rejects with the very error, kind and fields included", async () => {
    const ledger = await opened()
    await ledger.save("apple", 1)
    const failure = await ledger.get("appel").catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Error)
    expect(failure).toMatchObject({
      _tag: "ArtifactMissing",
      kind: "missing",
      artifact: "appel",
      candidates: ["apple"],
    })
    await expect(gather(ledger.open("appel"))).rejects.toMatchObject({ _tag: "ArtifactMissing" })
    await expect(gather(ledger.history("01"))).rejects.toMatchObject({ kind: "missing" })
  })

  it("converts the operations inside of answers too", async () => {
    const ledger = await opened()
    await ledger.save("a", "text")
    const archive = await ledger.zip("a")
    const bytes = Buffer.concat(await gather(archive.stream()))
    expect(bytes.length).toBe(archive.size)
    const part = await gather(archive.stream({ start: 1, end: 4 }))
    expect(Buffer.concat(part)).toEqual(bytes.subarray(1, 4))
    expect(await ledger.asOf(1).find("a")).toBeUndefined()
    const ann = ledger.with({ actor: "ann" }).with({ reason: "why" })
    await ann.tag("a", "gold")
    expect((await gather(ledger.replay({ after: 2 })))[0]).toMatchObject({
      actor: "ann",
      reason: "why",
    })
    expect(ann.position).toBe(ledger.position)
  })

  it("hands on a loaded value untouched, whatever it can do", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const model = {
      bias: 2,
      predict(value: number) {
        return value + this.bias
      },
      close: () => "closed the model",
    }
    const loaded = await ledger.load("a", { as: reading(model) })
    expect(loaded).toBe(model)
    expect([loaded.predict(1), loaded.close()]).toEqual([3, "closed the model"])
    expect(await ledger.load("a")).toBe(1)
  })
})

describe("many values", () => {
  it("come once each and in order, also to who asks before he has got the one before", async () => {
    const ledger = await opened()
    for (let n = 0; n < 3; n += 1) await ledger.save("a", n)
    const events = ledger.replay({})[Symbol.asyncIterator]()
    const asked = await Promise.all(Array.from({ length: 6 }, () => events.next()))
    expect(asked.map(({ done, value }) => done || value.position)).toEqual([1, 2, 3, 4, true, true])
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it("end for good where they are left, where they fail, and before they have begun", async () => {
    const ledger = await opened()
    for (let n = 0; n < 3; n += 1) await ledger.save("a", n)
    const left = ledger.replay({})[Symbol.asyncIterator]()
    expect((await left.next()).value).toMatchObject({ position: 1 })
    const unasked = ledger.replay({})[Symbol.asyncIterator]()
    const failing = ledger.replay({ upTo: 99 })[Symbol.asyncIterator]()
    const failed = [failing.next(), failing.next()] as const
    await expect(failed[0]).rejects.toMatchObject({ _tag: "InvalidInput" })
    expect(await failed[1]).toEqual({ done: true, value: undefined })
    for (const events of [left, unasked]) {
      expect(await events.return?.()).toEqual({ done: true, value: undefined })
      expect(await events.next()).toEqual({ done: true, value: undefined })
    }
  })
})

describe("a signal", () => {
  it("rejects with its reason, also in the middle of many", async () => {
    const ledger = await opened()
    await ledger.save("a", "text")
    const reason = new RangeError("enough")
    const { signal } = new AbortController()
    const gone = AbortSignal.abort(reason)
    await expect(ledger.load("a", { signal: gone })).rejects.toBe(reason)
    await expect(ledger.save("a", 2, { signal: gone })).rejects.toBe(reason)
    await expect(gather(ledger.open("a", undefined, { signal: gone }))).rejects.toBe(reason)
    expect(await ledger.load("a", { signal })).toBe("text")
  })

  it("that is aborted later has nothing left to end", async () => {
    const ledger = await opened()
    const controller = new AbortController()
    const { signal } = controller
    const version = await ledger.save("a", 1, { signal })
    controller.abort()
    expect(await ledger.load(version)).toBe(1)
  })
})

describe("closing", () => {
  it("happens once, for everyone who asks", async () => {
    const ledger = await openLedger({ memory: true })
    const other = ledger.with({ actor: "ann" })
    await Promise.all([ledger.close(), other.close(), ledger.close()])
    await ledger[Symbol.asyncDispose]()
    for (const door of [ledger, other]) {
      await expect(door.save("a", 1)).rejects.toMatchObject(closed)
      await expect(door.stats()).rejects.toMatchObject(closed)
      await expect(gather(door.artifacts())).rejects.toMatchObject(closed)
    }
  })

  it("waits for what was begun", async () => {
    const ledger = await openLedger({ memory: true })
    const saves = Array.from({ length: 20 }, (_, index) => ledger.defineTag(`tag-${index}`))
    const outcomes = Promise.allSettled(saves)
    await ledger.close()
    for (const outcome of await outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(closed)
      else expect(outcome.value.name).toMatch(/^tag-/)
  })

  it("ends many that are half read with a word", async () => {
    const ledger = await openLedger({ memory: true })
    for (const name of ["a", "b", "c"]) await ledger.save(name, 1)
    const names = ledger.artifacts({ limit: 1 })[Symbol.asyncIterator]()
    expect((await names.next()).value?.name).toBeDefined()
    await ledger.close()
    const rest = async () => {
      while (!(await names.next()).done);
    }
    await expect(rest()).rejects.toMatchObject(closed)
  })
})

describe("opening", () => {
  it.each([
    [{}, "options.directory"],
    [{ directory: "" }, "options.directory"],
    [{ memory: true, directory: "x" }, "options.directory"],
    [{ memory: true, durability: "sometimes" }, "options.durability"],
    [{ memory: true, colour: "red" }, "options"],
  ])("refuses %j", async (options: object, path) => {
    const failure = await openLedger(options).catch((error: unknown) => error)
    expect(failure).toMatchObject({ _tag: "InvalidInput", path: expect.stringContaining(path) })
  })
})

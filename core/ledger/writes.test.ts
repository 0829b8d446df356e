/**
 * The writing operations: what each answers, now and to a retry, and what it expects of the ledger.
 */
import { describe, expect, it } from "vitest"
import { command } from "../command/command.js"
import { compositeCountMax } from "../limits.js"
import type { Reference, Target } from "../model/reference.js"
import { opened } from "./places.contract.js"

const invalid = (path: string) => ({ _tag: "InvalidInput", kind: "invalid", path })
const failed = (expectation: string, actual: unknown) => ({
  _tag: "ExpectationFailed",
  expectation,
  actual,
})

describe("a receipt", () => {
  it("tells whether anything changed, and where", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const calls = [
      () => ledger.tag("a", ["x", "y"]),
      () => ledger.untag("a", "y"),
      () => ledger.logMetadata({ artifact: "a" }, { n: 1 }),
      () => ledger.removeMetadata({ artifact: "a" }, ["n", "absent"]),
      () => ledger.delete("a@1", { reason: "old" }),
      () => ledger.restore("a@1"),
      () => ledger.hold("a@1"),
      () => ledger.release("a@1"),
    ]
    for (const [index, call] of calls.entries())
      expect(await call()).toEqual({ position: index + 3, changed: true })
    const none = { position: 10, changed: false }
    expect(await ledger.tag("a", "x")).toEqual(none)
    expect(await ledger.untag("a", "y")).toEqual(none)
    expect(await ledger.removeMetadata({ artifact: "a" }, "n")).toEqual(none)
    expect(await ledger.restore("a@1")).toEqual(none)
    expect(await ledger.release("a@1")).toEqual(none)
  })
})

describe("saving several", () => {
  it("gives each its version in order, two of one name included", async () => {
    const ledger = await opened()
    const saved = await ledger.saveAll([
      { name: "a", value: 1 },
      { name: "b", value: 2, tags: "t" },
      { name: "a", value: 3, inputs: ["b@t"].slice(1) },
    ])
    expect(saved.map(({ name, version }) => `${name}@${version}`)).toEqual(["a@1", "b@1", "a@2"])
    expect(saved.map(({ position }) => position)).toEqual([2, 3, 4])
    expect(await ledger.saveAll([])).toEqual([])
  })

  it("stores none when one is refused, wherever it is refused", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { version: "x" })
    const good = { name: "b", value: 1 }
    const keyed: object = { idempotencyKey: "k" }
    for (const [bad, tag] of [
      [{ name: "a", value: 2, version: "x" }, "VersionExists"],
      [{ name: "a", value: () => 1 }, "InvalidInput"],
      [{ name: "c", value: 1, inputs: ["missing"] }, "ArtifactMissing"],
      [{ name: "c", value: 1, ...keyed }, "InvalidInput"],
    ] as const)
      await expect(ledger.saveAll([good, bad])).rejects.toMatchObject({ _tag: tag })
    expect(ledger.position).toBe(2)
    expect(await ledger.findArtifact("b")).toBeUndefined()
  })

  it("is bounded before anything is read, and takes no expectation of its own", async () => {
    const ledger = await opened()
    let reads = 0
    const request = {
      name: "a",
      get value() {
        reads += 1
        return 1
      },
    }
    const many = Array.from({ length: compositeCountMax + 1 }, () => request)
    const exceeded = { _tag: "LimitExceeded", limit: "compositeCountMax" }
    await expect(ledger.saveAll(many)).rejects.toMatchObject(exceeded)
    expect(reads).toBe(0)
    const options = { expect: { latest: "9" } } as object
    const refused = ledger.saveAll([{ name: "a", value: 1 }], options)
    await expect(refused).rejects.toMatchObject(invalid("options.expect"))
  })
})

describe("an expectation", () => {
  it("lets the write through when it holds, and names what is so when not", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { expect: { latest: null } })
    await ledger.save("a", 2, { expect: { latest: "1", position: 2 } })
    const stale = ledger.save("a", 3, { expect: { latest: "1" } })
    await expect(stale).rejects.toMatchObject(failed("latest", "2"))
    const behind = ledger.delete("a@2", { expect: { position: 2 } })
    await expect(behind).rejects.toMatchObject(failed("position", 3))
    await ledger.defineTag("only", { exclusive: true })
    await ledger.tag("a@1", "only", { expect: { holder: null } })
    const lost = ledger.tag("a@2", "only", { expect: { holder: "2" } })
    await expect(lost).rejects.toMatchObject(failed("holder", "1"))
    await ledger.tag("a@2", "only", { expect: { holder: "1" } })
    expect((await ledger.get("a@only")).version).toBe("2")
  })

  it("lets one of many racing writers through", async () => {
    const ledger = await opened()
    await ledger.save("a", 0)
    const race = Array.from({ length: 8 }, (_, n) =>
      ledger.save("a", n, { expect: { latest: "1" } }),
    )
    const settled = await Promise.allSettled(race)
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    expect(ledger.position).toBe(3)
  })

  it("is never passed over: what cannot be expected is refused", async () => {
    const ledger = await opened()
    const expecting = { expect: { position: 99 } }
    await expect(ledger.defineTag("t", expecting)).rejects.toMatchObject({ actual: 0 })
    await expect(ledger.batch(() => undefined, expecting as object)).rejects.toMatchObject({
      kind: "invalid",
    })
    expect(ledger.position).toBe(1)
  })
})

describe("the definition of a tag", () => {
  it("is answered as of its call, to a retry too", async () => {
    const ledger = await opened()
    const define = () => ledger.defineTag("t", { color: "red", idempotencyKey: "k" })
    const tag = await define()
    expect(tag).toMatchObject({ name: "t", color: "red", exclusive: false })
    await ledger.defineTag("t", { color: "blue", exclusive: true })
    expect(await define()).toEqual(tag)
    expect(await ledger.findTag("t")).toMatchObject({ color: "blue", exclusive: true })
  })

  it("is refused at the part that is wrong", async () => {
    const ledger = await opened()
    for (const definition of [{ color: "puce" }, { exclusive: "yes" }, { colour: "red" }])
      await expect(ledger.defineTag("t", definition as object)).rejects.toMatchObject({
        _tag: "InvalidInput",
      })
    expect(ledger.position).toBe(1)
  })
})

describe("a hold", () => {
  it("is shown with its version, as of then too, and asked for in lists", async () => {
    const ledger = await opened()
    const { id } = await ledger.save("a", 1)
    await ledger.save("a", 2)
    const placed = await ledger.with({ actor: "ann" }).hold("a@1", { reason: "audit" })
    expect(placed).toEqual({ position: 4, changed: true })
    const held = { position: 4, time: expect.any(Date), actor: "ann", reason: "audit" }
    expect((await ledger.get(id)).held).toEqual(held)
    expect(await ledger.asOf(3).get(id)).not.toHaveProperty("held")
    const found = async (isHeld: boolean, reader: Pick<typeof ledger, "listVersions"> = ledger) =>
      (await reader.listVersions({ held: isHeld })).entries.map(({ version }) => version)
    expect([await found(true), await found(false)]).toEqual([["1"], ["2"]])
    expect(await ledger.release({ id })).toEqual({ position: 5, changed: true })
    expect(await ledger.get(id)).not.toHaveProperty("held")
    expect([await found(true), await found(false)]).toEqual([[], ["2", "1"]])
    expect([await found(true, ledger.asOf(4)), await found(false, ledger.asOf(4))]).toEqual([
      ["1"],
      ["2"],
    ])
    const history: Array<string> = []
    for await (const event of ledger.history(id)) history.push(ledger.formatEvent(event))
    expect(history.slice(1)).toEqual([
      "ann placed a hold on version 1 of a: audit",
      "someone released the hold on version 1 of a",
    ])
    const types: Array<string> = []
    for await (const { type } of ledger.replay({ types: ["hold-placed", "hold-released"] }))
      types.push(type)
    expect(types).toEqual(["hold-placed", "hold-released"])
  })

  it("placed twice is the first one, and a retry gets its first answer", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const keyed = { idempotencyKey: "k", reason: "first" }
    expect(await ledger.hold("a@1", keyed)).toEqual({ position: 3, changed: true })
    expect(await ledger.hold("a@1", { reason: "second" })).toEqual({ position: 3, changed: false })
    expect((await ledger.get("a")).held).toMatchObject({ reason: "first" })
    await ledger.release("a@1")
    expect(await ledger.hold("a@1", keyed)).toEqual({ position: 3, changed: true })
    expect(await ledger.get("a")).not.toHaveProperty("held")
    expect(await ledger.release("a@1")).toEqual({ position: 4, changed: false })
    const other = ledger.release("a@1", { idempotencyKey: "k" })
    await expect(other).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
  })

  it("is refused for what is no one version, or not as expected", async () => {
    const ledger = await opened()
    const { id } = await ledger.save("a", 1)
    const targets: ReadonlyArray<Target> = ["a", { artifact: "a" }, { tag: "t" }, { name: "a" }]
    for (const target of targets)
      for (const call of ["hold", "release"] as const)
        await expect(ledger[call](target as Reference)).rejects.toMatchObject({
          _tag: "InvalidReference",
        })
    const behind = ledger.hold("a@1", { expect: { position: 1 } })
    await expect(behind).rejects.toMatchObject(failed("position", 2))
    // A part of an id is no bare name.
    expect(await ledger.hold(id.slice(-8), { expect: { position: 2 } })).toMatchObject({
      changed: true,
    })
    await ledger.release(id)
    await ledger.delete("a@1")
    await expect(ledger.hold(id)).rejects.toMatchObject({ _tag: "VersionMissing" })
  })
})

describe("a command of the caller's own", () => {
  const echo = command<{ readonly target: string }>({
    name: "own/echo",
    parse: (input) => input as { readonly target: string },
    decide: ({ target }) => ({ facts: [], result: target }),
  })

  it("runs where it was given, its input untouched, and nowhere else", async () => {
    const ledger = await opened({ memory: true, commands: [echo] })
    const input = { target: "no reference @@ at all" }
    const answer = { position: 1, changed: false, result: input.target }
    expect(await ledger.execute(echo, input)).toEqual(answer)
    const stranger = await opened()
    await expect(stranger.execute(echo, input)).rejects.toMatchObject(invalid("command"))
  })

  it("that makes no fact is answered the same under its key", async () => {
    const ledger = await opened({ memory: true, commands: [echo] })
    const once = () => ledger.execute(echo, { target: "x" }, { idempotencyKey: "k" })
    const first = await once()
    expect(first).toEqual({ position: 2, changed: false, result: "x" })
    expect(await once()).toEqual(first)
    const other = ledger.execute(echo, { target: "y" }, { idempotencyKey: "k" })
    await expect(other).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
  })
})

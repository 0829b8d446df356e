/**
 * The writing operations: what each answers, now and to a retry, and what it expects of the ledger.
 */
import { describe, expect, it } from "vitest"
import { command } from "../command/command.js"
import { compositeCountMax } from "../limits.js"
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
    ]
    for (const [index, call] of calls.entries())
      expect(await call()).toEqual({ position: index + 3, changed: true })
    const none = { position: 8, changed: false }
    expect(await ledger.tag("a", "x")).toEqual(none)
    expect(await ledger.untag("a", "y")).toEqual(none)
    expect(await ledger.removeMetadata({ artifact: "a" }, "n")).toEqual(none)
    expect(await ledger.restore("a@1")).toEqual(none)
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

describe("deleting", () => {
  it("what others were made from is refused with their names, unless forced", async () => {
    const ledger = await opened()
    const { id } = await ledger.save("raw", 1)
    await ledger.save("model", 2, { inputs: [{ version: id, as: "data" }] })
    const inUse = { _tag: "InUse", consumers: ["model@1"] }
    await expect(ledger.delete("raw@1")).rejects.toMatchObject(inUse)
    await expect(ledger.delete({ artifact: "raw" })).rejects.toMatchObject(inUse)
    await ledger.delete("model@1")
    expect(await ledger.delete("raw@1")).toMatchObject({ changed: true })
    await ledger.restore("raw@1")
    await ledger.restore("model@1")
    expect(await ledger.delete("raw@1", { force: true })).toMatchObject({ changed: true })
  })

  it("names all consumers, also where one of them came while it was asked", async () => {
    const ledger = await opened()
    await ledger.save("raw", 1)
    await ledger.save("model", 2, { inputs: ["raw"] })
    // Submitted first, so it is decided before the deletion, which has looked around by then.
    const later = ledger.save("later", 3, { inputs: ["raw"] })
    await expect(ledger.delete("raw@1")).rejects.toMatchObject({
      _tag: "InUse",
      consumers: ["model@1", "later@1"],
    })
    await later
  })

  it("under a key that another write took meanwhile is a mismatch, whoever uses it", async () => {
    const ledger = await opened()
    await ledger.save("raw", 1)
    await ledger.save("model", 2, { inputs: ["raw"] })
    const keyed = { idempotencyKey: "k" }
    const [saved, deleted] = await Promise.allSettled([
      ledger.tag("raw", "t", keyed),
      ledger.delete("raw@1", keyed),
    ])
    expect(saved.status).toBe("fulfilled")
    expect(deleted).toMatchObject({ reason: { _tag: "IdempotencyMismatch" } })
  })

  it("is not held up by an unrelated artifact that is restored meanwhile", async () => {
    const ledger = await opened()
    await ledger.save("raw", 1)
    await ledger.save("model", 2, { inputs: ["raw"] })
    await ledger.delete("model@1")
    for (const name of ["other", "user"]) await ledger.save(name, 3, { inputs: ["raw"] })
    await ledger.delete("other@1")
    await ledger.delete({ artifact: "other" })
    await ledger.delete({ artifact: "user" })
    // Submitted first, so it is decided before the deletion, which has looked around by then.
    const deleting = (name: string) =>
      Promise.allSettled([ledger.restore({ artifact: name }), ledger.delete("raw@1")])
    expect(await deleting("user")).toMatchObject([
      { value: { changed: true } },
      { reason: { _tag: "InUse", consumers: ["user@1"] } },
    ])
    await ledger.delete({ artifact: "user" })
    expect(await deleting("other")).toMatchObject([
      { value: { changed: true } },
      { value: { changed: true } },
    ])
  })

  it("takes a version or an artifact, and never a bare name", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    await expect(ledger.delete("a")).rejects.toMatchObject({ kind: "invalid" })
    await expect(ledger.delete("b@1")).rejects.toMatchObject({ _tag: "ArtifactMissing" })
    await ledger.delete({ artifact: "a" })
    await expect(ledger.save("a", 2)).rejects.toMatchObject({ _tag: "NameTaken" })
    expect(ledger.position).toBe(3)
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

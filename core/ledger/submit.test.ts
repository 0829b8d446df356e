/**
 * Submitting: the context and the key that a request carries, and what is refused before it waits.
 */
import { describe, expect, it } from "vitest"
import { idempotencyKeyBytesMax, nameBytesMax, reasonBytesMax } from "../limits.js"
import { opened } from "./places.contract.js"
import { checkWriteOptions, parseContext } from "./submit.js"

const invalid = (path: string) => ({ _tag: "InvalidInput", kind: "invalid", path })

const last = async (ledger: Awaited<ReturnType<typeof opened>>) => {
  for await (const event of ledger.replay({ after: ledger.position - 1 })) return event
  throw new Error("there is no last event")
}

describe("a context", () => {
  it("is kept as given, without what is undefined", () => {
    expect(parseContext({ actor: "ann", reason: undefined })).toEqual({ actor: "ann" })
    expect(parseContext({ actor: "é".repeat(127) })).toEqual({ actor: "é".repeat(127) })
  })

  it.each([
    ["context.actor", { actor: 5 }],
    ["context.actor", { actor: "x".repeat(nameBytesMax + 1) }],
    ["context.actor", { actor: "\udc00" }],
    ["context.reason", { reason: "x".repeat(reasonBytesMax + 1) }],
    ["context.correlationId", { correlationId: null }],
    ["context.user", { user: "ann" }],
    ["context", null],
    ["context", "ann"],
  ])("is refused at %s", (path, value) => {
    expect(() => parseContext(value)).toThrow(expect.objectContaining(invalid(path)))
  })

  it("goes with every event; a later one wins, and a reason of the call over both", async () => {
    const ledger = await opened({ memory: true, actor: "bob", context: { reason: "open" } })
    await ledger.save("a", 1)
    expect(await last(ledger)).toMatchObject({ actor: "bob", reason: "open" })
    const ann = ledger.with({ actor: "ann", correlationId: "c" })
    await ann.with({ causationId: "x" }).tag("a", "t", { reason: "call" })
    const expected = { actor: "ann", correlationId: "c", causationId: "x", reason: "call" }
    expect(await last(ledger)).toMatchObject(expected)
    await ledger.save("a", 2)
    expect(await last(ledger)).not.toHaveProperty("correlationId")
  })

  it("that the ledger requires is asked of every write, and of no read", async () => {
    const ledger = await opened({ memory: true, requireContext: ["actor", "reason"] })
    const ann = ledger.with({ actor: "ann" })
    await expect(ledger.save("a", 1)).rejects.toMatchObject(invalid("context.actor"))
    for (const refused of [
      ann.save("a", 1),
      ann.saveAll([{ name: "a", value: 1 }]),
      ann.batch((b) => void b.save("a", 1)),
      ann.defineTag("t"),
    ])
      await expect(refused).rejects.toMatchObject(invalid("context.reason"))
    expect(ledger.position).toBe(1)
    await ann.save("a", 1, { reason: "first" })
    expect((await ledger.get("a")).actor).toBe("ann")
  })
})

describe("an idempotency key", () => {
  it("of the longest kind is taken, and beyond it refused", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { idempotencyKey: "é".repeat(127) })
    const long = "x".repeat(idempotencyKeyBytesMax + 1)
    for (const idempotencyKey of ["", "a\nb", "\u007f", "\ud800", long])
      await expect(ledger.save("a", 1, { idempotencyKey })).rejects.toMatchObject(
        invalid("options.idempotencyKey"),
      )
    expect(ledger.position).toBe(2)
  })

  it("is one for the whole ledger: another operation under it is another request", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { idempotencyKey: "k" })
    const mismatch = { _tag: "IdempotencyMismatch", idempotencyKey: "k", position: 2 }
    await expect(ledger.tag("a", "t", { idempotencyKey: "k" })).rejects.toMatchObject(mismatch)
    await expect(ledger.delete("a@1", { idempotencyKey: "k" })).rejects.toMatchObject(mismatch)
  })

  it("is not used up by a refusal, and does not mind who asks or why", async () => {
    const ledger = await opened()
    const key = { idempotencyKey: "k" }
    await expect(ledger.tag("a", "t", key)).rejects.toMatchObject({ _tag: "ArtifactMissing" })
    await ledger.save("a", 1)
    const tagged = await ledger.tag("a", "t", key)
    expect(tagged).toEqual({ position: 3, changed: true })
    const again = ledger.with({ actor: "ann" }).tag("a", "t", { ...key, reason: "retry" })
    expect(await again).toEqual(tagged)
  })
})

describe("a request", () => {
  it("is about what a part of an id stood for when it came", async () => {
    const ledger = await opened()
    const { id } = await ledger.save("a", 1)
    await ledger.tag(id.slice(-8), "t")
    const { inputs } = await ledger.save("b", 2, { inputs: [id.slice(-6).toLowerCase()] })
    expect((await ledger.get(id)).tags).toEqual(["t"])
    expect(inputs.map((input) => input.id)).toEqual([id])
  })

  it("whose signal was aborted before is not made", async () => {
    const ledger = await opened()
    const reason = new Error("never mind")
    const signal = AbortSignal.abort(reason)
    await expect(ledger.save("a", 1, { signal })).rejects.toBe(reason)
    await expect(ledger.tag("a", "t", { signal })).rejects.toBe(reason)
    await ledger.save("b", 1)
    expect(ledger.position).toBe(2)
  })

  it("knows its options and no others", () => {
    expect(checkWriteOptions({ reason: "r", force: true }, ["force"])).toBeDefined()
    expect(() => checkWriteOptions({ force: true })).toThrow(
      expect.objectContaining(invalid("options.force")),
    )
  })
})

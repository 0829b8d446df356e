/**
 * Deleting as callers see it: what is in the way is named, whoever comes meanwhile.
 */
import { describe, expect, it } from "vitest"
import { candidateCountMax } from "../limits.js"
import { opened } from "./places.contract.js"

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

describe("what is held", () => {
  const inUse = (...held: ReadonlyArray<string>) => ({ _tag: "InUse", consumers: [], held })

  it("is not deleted, by force either, until it is released", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    await ledger.with({ actor: "ann" }).hold("a@1", { reason: "audit" })
    for (const force of [true, false])
      for (const target of ["a@1", { artifact: "a" }])
        await expect(ledger.delete(target, { force })).rejects.toMatchObject({
          ...inUse("a@1"),
          message: "version 1 of a is held by ann (audit): release it first",
        })
    expect(ledger.position).toBe(3)
    await ledger.release("a@1")
    expect(await ledger.delete({ artifact: "a" })).toMatchObject({ changed: true })
    await ledger.restore({ artifact: "a" })
    expect(await ledger.get("a@1")).not.toHaveProperty("held")
    expect(await ledger.delete("a@1")).toMatchObject({ changed: true })
  })

  it("is named, of an artifact with many held versions up to ten", async () => {
    const ledger = await opened()
    const labels = Array.from({ length: candidateCountMax + 2 }, (_, index) => `${index + 1}`)
    for (const label of labels) {
      await ledger.save("a", label)
      await ledger.hold(`a@${label}`)
    }
    const names = labels.map((label) => `a@${label}`)
    await expect(ledger.delete({ artifact: "a" })).rejects.toMatchObject({
      ...inUse(...names.slice(0, candidateCountMax)),
      message: "version 1 of a is held, and 11 more: release them first",
    })
  })

  it("while it is asked is not deleted, and what is released while it is asked is", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    // Submitted first, so it is decided before the deletion, which has looked around by then.
    const [held, refused] = await Promise.allSettled([ledger.hold("a@1"), ledger.delete("a@1")])
    expect(held).toMatchObject({ value: { changed: true } })
    expect(refused).toMatchObject({ reason: inUse("a@1") })
    const [released, deleted] = await Promise.allSettled([
      ledger.release("a@1"),
      ledger.delete("a@1"),
    ])
    expect(released).toMatchObject({ value: { changed: true } })
    expect(deleted).toMatchObject({ value: { changed: true } })
  })

  it("does not change what a retry of its deletion is answered", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const keyed = { idempotencyKey: "k" }
    const first = await ledger.delete("a@1", keyed)
    await ledger.restore("a@1")
    await ledger.hold("a@1")
    expect(await ledger.delete("a@1", keyed)).toEqual(first)
    expect((await ledger.get("a@1")).held).toMatchObject({ position: 5 })
  })

  it("keeps no version that it was made from, nor any other of its artifact", async () => {
    const ledger = await opened()
    await ledger.save("raw", 1)
    await ledger.save("a", 1, { inputs: ["raw"] })
    await ledger.save("a", 2)
    await ledger.hold("a@1")
    await expect(ledger.delete("raw@1")).rejects.toMatchObject({ consumers: ["a@1"], held: [] })
    expect(await ledger.delete("raw@1", { force: true })).toMatchObject({ changed: true })
    expect(await ledger.delete("a@2")).toMatchObject({ changed: true })
  })
})

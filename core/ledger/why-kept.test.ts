/**
 * Why content stays: the versions that have it, whatever it is called by.
 */
import { describe, expect, it } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { folder } from "./folder.contract.js"
import { opened } from "./places.contract.js"

const text = (of: string): Digest => digestOf(Buffer.from(of))

describe("why a content stays", () => {
  it("are the versions that have it as a file, however many files they have", async () => {
    const ledger = await opened({ memory: true, materializers: [folder] })
    const many = Array.from({ length: 30 }, (_, at) => [`d${at % 4}/${at}`, `file ${at}`])
    const large = await ledger.save("large", Object.fromEntries(many))
    const small = await ledger.save("small", { "x.txt": "file 7", "y.txt": "y" })
    await ledger.save("other", { "x.txt": "x" })
    const reason = ({ id, name, version }: typeof large) => ({ kind: "version", id, name, version })
    expect(await ledger.whyKept(text("file 7"))).toEqual({
      stored: true,
      count: 2,
      reasons: expect.arrayContaining([reason(large), reason(small)]),
    })
    expect(await ledger.whyKept(text("file 8"))).toMatchObject({ reasons: [reason(large)] })
    expect(await ledger.whyKept(text("y"))).toMatchObject({ reasons: [reason(small)] })
    expect(await ledger.whyKept(large.digest)).toMatchObject({ stored: true, count: 1 })
    // The manifest of a small version lies in its event.
    expect(await ledger.whyKept(small.digest)).toMatchObject({ stored: false, count: 1 })
    const nothing = { stored: false, count: 0, reasons: [] }
    expect(await ledger.whyKept(text("nobody saved this"))).toEqual(nothing)
  })

  it("is that a version can be restored, until then", async () => {
    const ledger = await opened()
    const { id, createdAt } = await ledger.save("a", "one")
    await ledger.save("a", "two")
    await ledger.delete("a@1")
    const { reasons } = await ledger.whyKept(text("one"), { undoDays: 2 })
    expect(reasons).toMatchObject([{ kind: "undo", id, name: "a", version: "1" }])
    const until = reasons[0]?.until?.getTime() ?? 0
    expect(until).toBeGreaterThanOrEqual(createdAt.getTime() + 2 * 86_400_000)
    expect(await ledger.whyKept(text("one"), { undoDays: 0 })).toMatchObject({
      stored: true,
      count: 0,
      reasons: [],
    })
    await ledger.sweep({ undoDays: 0 })
    expect(await ledger.whyKept(text("one"))).toMatchObject({ stored: false, count: 0 })
  })

  it("is that it is held", async () => {
    const ledger = await opened()
    const { id } = await ledger.save("a", "one")
    await ledger.hold(id)
    expect(await ledger.whyKept(text("one"))).toMatchObject({ reasons: [{ kind: "hold", id }] })
    await ledger.release(id)
    expect(await ledger.whyKept(text("one"))).toMatchObject({ reasons: [{ kind: "version", id }] })
  })

  it("names ten versions, and counts all", async () => {
    const ledger = await opened()
    for (let at = 0; at < 12; at += 1) await ledger.save("a", "same")
    const { count, reasons } = await ledger.whyKept(text("same"))
    expect([count, reasons.length]).toEqual([12, 10])
  })

  it("is asked by a digest", async () => {
    const ledger = await opened()
    for (const digest of ["a@1", "", "A".repeat(64), undefined])
      await expect(ledger.whyKept(digest as string)).rejects.toMatchObject({ path: "digest" })
  })
})

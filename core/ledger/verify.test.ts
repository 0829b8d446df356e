/**
 * Verifying: what is whole is said to be, and of what is not, the bytes and the versions are named.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { noise, prose } from "../blob/samples.contract.js"
import { digestOf } from "../model/digest.js"
import { layoutOf } from "./layout.js"
import { opened, stamps, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const fill = async (ledger: PromiseLedger) => {
  await ledger.save("noise", noise(900_000, 1))
  await ledger.save("prose", prose(900_000, 2))
  for (let at = 0; at < 20; at += 1) await ledger.save("small", `text ${at}`)
}

/** A ledger in a directory, closed, and where its only pack lies. */
const stored = async () => {
  const directory = join(temporary(), "ledger")
  const ledger = await openLedger(directory)
  await fill(ledger)
  await ledger.close()
  const { packs } = layoutOf(directory)
  const [name = ""] = readdirSync(packs)
  return { directory, pack: join(packs, name), name }
}

const flip = (path: string, at: number): void => {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 16
  writeFileSync(path, bytes)
}

describe("a ledger whose content is whole", () => {
  it.each([
    ["in memory", () => opened()],
    ["in a directory", () => opened(join(temporary(), "ledger"))],
  ])("%s is said to be, with what was read", async (_, open) => {
    const ledger = await open()
    await fill(ledger)
    await ledger.delete("small@3")
    const { bytes, text, ...verified } = await ledger.verify({ depth: "blobs" })
    expect(verified).toEqual({ whole: true, findings: [], omitted: 0, versions: 22 })
    expect(bytes).toBeGreaterThan(900_000)
    expect(text).toMatch(/^read [0-9]+ bytes .* 22 versions: all of it whole$/)
    await ledger.sweep({ undoDays: 0 })
    expect(await ledger.verify({ depth: "blobs" })).toMatchObject({ whole: true, versions: 21 })
  })

  it("is read in slices as far as a budget goes, also by one who only reads", async () => {
    const { directory } = await stored()
    const before = stamps(directory)
    const reader = await openLedger({ directory, readOnly: true })
    const sizes: Array<number> = []
    let resume: string | undefined
    do {
      const budget = { depth: "blobs", budget: 200_000 } as const
      const part = await reader.verify(resume === undefined ? budget : { ...budget, resume })
      expect(part.whole).toBe(true)
      expect(part.versions).toBe(part.resume === undefined ? 22 : 0)
      if (part.resume !== undefined) expect(part.text).toContain("call again with resume")
      sizes.push(part.bytes)
      resume = part.resume
    } while (resume !== undefined)
    const all = await reader.verify({ depth: "blobs" })
    expect(sizes.length).toBeGreaterThan(4)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(all.bytes)
    await reader.close()
    expect(stamps(directory)).toEqual(before)
  })
})

describe("damage of content", () => {
  it("is located, and named with the versions that lack it", async () => {
    const { directory, pack, name } = await stored()
    // In the noise, which is stored as it is.
    const at = readFileSync(pack).indexOf(noise(900_000, 1).subarray(500_000, 500_040))
    flip(pack, at + 20)
    const ledger = await opened(directory)
    expect(ledger.trust.damagedContent).toEqual([])
    const { whole, findings } = await ledger.verify({ depth: "blobs" })
    expect(whole).toBe(false)
    expect(findings).toMatchObject([
      { kind: "bytes", pack: name, text: expect.stringContaining(`${name} is damaged from`) },
      { kind: "version", name: "noise", version: "1", digest: digestOf(noise(900_000, 1)) },
    ])
    const [bytes] = findings
    if (bytes?.kind !== "bytes") throw new Error("no bytes were named")
    expect(bytes.from).toBeLessThanOrEqual(at + 20)
    expect(bytes.to).toBeGreaterThan(at + 20)
    await expect(ledger.load("noise")).rejects.toMatchObject({ _tag: "BlobCorrupted" })
    expect(await ledger.load("small@7")).toBe("text 6")
    // Saved anew it is whole again; the damaged bytes are still there.
    await ledger.save("noise", noise(900_000, 1))
    const again = await ledger.verify({ depth: "blobs" })
    expect(again.findings).toMatchObject([{ kind: "bytes", pack: name }])
  })

  it("is found in every frame of a pack, whichever byte of it is wrong", async () => {
    const { directory, pack } = await stored()
    const whole = readFileSync(pack)
    for (let step = 0; step < 12; step += 1) {
      const at = Math.floor((whole.length * (step + 0.5)) / 12)
      flip(pack, at)
      const ledger = await openLedger({ directory, readOnly: true })
      const { findings } = await ledger.verify({ depth: "blobs" })
      expect(findings.filter(({ kind }) => kind === "bytes")).toMatchObject([{ kind: "bytes" }])
      expect(findings.some(({ kind }) => kind === "version")).toBe(true)
      await ledger.close()
      writeFileSync(pack, whole)
    }
  })

  it("is named by its versions where a pack is gone", async () => {
    const { directory, pack } = await stored()
    rmSync(pack)
    const ledger = await opened(directory)
    const { findings, omitted } = await ledger.verify({ depth: "blobs" })
    expect(findings).toHaveLength(22)
    expect(findings[0]).toMatchObject({ kind: "version", text: expect.stringContaining("lacks") })
    expect(omitted).toBe(0)
  })
})

describe("a verification is refused", () => {
  it.each([
    [{}, "options.depth"],
    [{ depth: "events" }, "options.depth"],
    [{ depth: "blobs", budget: 0 }, "options.budget"],
    [{ depth: "blobs", budget: "1" }, "options.budget"],
    [{ depth: "blobs", resume: "somewhere" }, "options.resume"],
    [{ depth: "blobs", resume: 7 }, "options.resume"],
  ])("for %j", async (options, path) => {
    const ledger = await opened()
    await expect(ledger.verify(options as never)).rejects.toMatchObject({ path })
  })
})

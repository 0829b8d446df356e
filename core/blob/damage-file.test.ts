/**
 * The record of damage: it comes back as it was written, or is known not to add up.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { Finding } from "./damage.js"
import { decodeDamage, encodeDamage, readDamage, writeDamage } from "./damage-file.js"
import { temporaryDirectory } from "./packs.contract.js"

const directory = temporaryDirectory()
const findings: ReadonlyArray<Finding> = [
  { pack: 1, from: 28, to: 300, state: "damaged", digests: [digestOf(Buffer.from("a"))] },
  { pack: 2, from: 0, to: 2 ** 40, state: "missing", digests: [] },
]

const sealed = (line: string): string => `${line}\n${digestOf(Buffer.from(line))}\n`

describe("the record", () => {
  it("comes back as it was written, and is gone when there is no damage", async () => {
    expect(await readDamage(directory())).toEqual([])
    await writeDamage(directory(), findings)
    expect(await readDamage(directory())).toEqual(findings)
    await writeDamage(directory(), findings.slice(1))
    expect(await readDamage(directory())).toEqual(findings.slice(1))
    await writeDamage(directory(), [])
    await writeDamage(directory(), [])
    expect(existsSync(join(directory(), "damaged"))).toBe(false)
  })

  it("is not written through a symlink that lies where it is made", async () => {
    const [outside, path] = [join(directory(), "outside"), join(directory(), "damaged.tmp")]
    writeFileSync(outside, "precious")
    symlinkSync(outside, path)
    await expect(writeDamage(directory(), findings)).rejects.toMatchObject({ code: "ELOOP" })
    expect(readFileSync(outside, "utf8")).toBe("precious")
  })

  it("is not believed when any character of it is another", () => {
    const text = encodeDamage(findings)
    expect(decodeDamage(text)).toEqual(findings)
    for (let at = 0; at < text.length; at += 1)
      expect(decodeDamage(`${text.slice(0, at)}x${text.slice(at + 1)}`)).toBeUndefined()
    for (const cut of [0, 1, text.length - 65])
      expect(decodeDamage(text.slice(0, cut))).toBe(undefined)
  })

  it("is not believed when it says what no record does", () => {
    const [one] = findings
    const wrong = [
      "no JSON",
      "{}",
      "[null]",
      JSON.stringify([{ ...one, pack: -1 }]),
      JSON.stringify([{ ...one, from: 400 }]),
      JSON.stringify([{ ...one, state: "torn" }]),
      JSON.stringify([{ ...one, digests: ["a"] }]),
      JSON.stringify([{ ...one, digests: undefined }]),
    ]
    for (const line of wrong) expect(decodeDamage(sealed(line))).toBeUndefined()
  })

  it("that cannot be read at all is a failure, not an empty one", async () => {
    writeFileSync(join(directory(), "damaged"), "nothing that adds up")
    expect(await readDamage(directory())).toBeUndefined()
    expect(readFileSync(join(directory(), "damaged"), "utf8")).toBe("nothing that adds up")
    mkdirSync(join(directory(), "other", "damaged"), { recursive: true })
    await expect(readDamage(join(directory(), "other"))).rejects.toMatchObject({ code: "EISDIR" })
  })
})

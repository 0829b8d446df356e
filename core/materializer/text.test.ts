/**
 * Strings come back code unit by code unit, byte order marks included.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, TypeMismatch } from "../errors.js"
import { previewLineCountMax, previewLineLengthMax } from "../limits.js"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"
import { firstLines, textMaterializer } from "./text.js"

materializerContract(textMaterializer, () => [
  "",
  "one line",
  "two\r\nlines\n",
  "\ufeffwith a byte order mark",
  "nul \u0000, ünïcödé, 日本語, 👩‍🚀",
  "x".repeat(100_000),
])

describe("text", () => {
  it("is stored as UTF-8 and nothing else", async () => {
    const files = await savedFiles(textMaterializer, "\ufeffé\n")
    expect(Object.keys(files)).toEqual(["data.txt"])
    expect([...(files["data.txt"] ?? [])]).toEqual([0xef, 0xbb, 0xbf, 0xc3, 0xa9, 0x0a])
  })

  it("gives any string back, or refuses it for half of a surrogate pair", async () => {
    const character = fc.nat(0x10ffff).map((point) => String.fromCodePoint(point).toWellFormed())
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: character }), async (text) => {
        expect(await roundTrip(textMaterializer, text)).toBe(text)
      }),
    )
    for (const text of ["\ud800", "a\udc00b", "\udc00\ud800"]) {
      expect(textMaterializer.accepts(text)).toBe(false)
      const refused = savedFiles(textMaterializer, text)
      await expect(refused).rejects.toThrow(InvalidInput)
      await expect(refused).rejects.toMatchObject({ path: "value" })
    }
  })

  it("refuses a file that is not UTF-8", async () => {
    const load = async () => textMaterializer.load(filesOf({ "data.txt": Uint8Array.of(0xc3) }))
    await expect(load()).rejects.toThrow(TypeMismatch)
    await expect(load()).rejects.toMatchObject({ path: "data.txt" })
  })

  it("shows the first lines, and never half of a character", () => {
    const lines = Array.from({ length: previewLineCountMax }, (_, index) => `${index}`).join("\n")
    expect(firstLines(lines)).toBe(lines)
    expect(firstLines(`${lines}\nmore`)).toBe(lines)
    const wide = "x".repeat(previewLineLengthMax)
    expect(firstLines(wide)).toBe(wide)
    expect(firstLines(`${wide}x`)).toBe(`${wide.slice(1)}…`)
    const line = firstLines(`${"x".repeat(118)}👩${"x".repeat(500)}`)
    expect(line.length).toBeLessThanOrEqual(120)
    expect(line.endsWith("…")).toBe(true)
    expect(line.isWellFormed()).toBe(true)
  })
})

/**
 * How refusals of archives look: which part they name, and that no name can spoil a message.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { checked, entryAt, quoted, refuseArchive, refuseEntry } from "./refused.js"

const refusal = (run: () => unknown) => Effect.runSync(Effect.flip(checked(run)))

describe("a refusal", () => {
  it("names the archive or the entry", () => {
    const whole = refusal(() => refuseArchive("is cut short"))
    expect(whole).toBeInstanceOf(InvalidInput)
    expect(whole).toMatchObject({ path: "source", message: "source is cut short" })
    const one = refusal(() => refuseEntry("a/b", "is a device"))
    expect(one).toMatchObject({ path: 'entry "a/b"', message: 'entry "a/b" is a device' })
  })

  it("shows any name on one line, cut where it is long", () => {
    expect(entryAt("été/€")).toBe('entry "été/€"')
    expect(entryAt("a\n\u0000\ud800")).toBe('entry "a\\x0A\\x00\\xEF\\xBF\\xBD"')
    expect(entryAt("x".repeat(60_000))).toBe(`entry "${"x".repeat(400)}"`)
    expect(quoted(Buffer.of(0x61, 0x81))).toBe('"a\\x81"')
  })

  it("is the failure of an effect; anything else that is thrown is a defect", () => {
    expect(Effect.runSync(checked(() => 5))).toBe(5)
    const broken = () => {
      throw new RangeError("ours")
    }
    expect(() => Effect.runSync(checked(broken))).toThrow("ours")
  })
})

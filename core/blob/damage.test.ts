/**
 * Known damage: what lies in it, what is told of it, and what becomes of findings that meet.
 */
import { describe, expect, it } from "vitest"
import { damagedContentCountMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { type Finding, PackDamage, stretchOf, wording } from "./damage.js"
import { frameHeaderBytes } from "./frame.js"

const digest = (name: number) => digestOf(Buffer.from(String(name)))

const finding = (
  from: number,
  to: number,
  state: Finding["state"] = "damaged",
  ...names: ReadonlyArray<number>
): Finding => ({ pack: 3, from, to, state, digests: names.map(digest) })

const knowing = (...findings: ReadonlyArray<Finding>): PackDamage => {
  const damage = new PackDamage([])
  for (const one of findings) damage.add(one)
  return damage
}

describe("a frame", () => {
  it("lies in damage when any byte of it does", () => {
    const damage = knowing(finding(1_000, 2_000))
    const covers = (offset: number, storedSize: number, pack = 3) =>
      damage.covers({ pack, offset, storedSize })
    expect(stretchOf({ pack: 3, offset: 28, storedSize: 12 })).toEqual({
      pack: 3,
      from: 28,
      to: 28 + frameHeaderBytes + 12,
    })
    expect(covers(800, 200 - frameHeaderBytes)).toBe(false)
    expect(covers(800, 201 - frameHeaderBytes)).toBe(true)
    expect(covers(1_999, 10)).toBe(true)
    expect(covers(2_000, 10)).toBe(false)
    expect(covers(1_200, 10, 4)).toBe(false)
  })

  it("of a pack that was replaced lies elsewhere", () => {
    const damage = knowing(finding(0, 2_000, "replaced"))
    expect(damage.covers({ pack: 3, offset: 100, storedSize: 10 })).toBe(false)
    expect([damage.isIn(3), damage.isEmpty]).toEqual([false, false])
  })
})

describe("a finding", () => {
  it("is known once, with all content that is named with it", () => {
    const damage = knowing(finding(100, 200, "damaged", 1), finding(50, 60))
    expect(damage.add(finding(100, 200, "damaged", 1))).toBe(false)
    expect(damage.add(finding(120, 130))).toBe(false)
    expect(damage.add(finding(120, 130, "damaged", 2))).toBe(true)
    expect(damage.findings).toEqual([finding(50, 60), finding(100, 200, "damaged", 1, 2)])
    expect(damage.of(digest(2))).toEqual(finding(100, 200, "damaged", 1, 2))
    expect(damage.of(digest(3))).toBeUndefined()
  })

  it("takes in what is smaller, of a torn end nothing is kept", () => {
    const damage = knowing(finding(100, 200, "damaged", 1), finding(300, 400, "damaged", 2))
    expect(damage.add(finding(900, 950, "torn"))).toBe(false)
    expect(damage.add(finding(0, 500, "missing", 3))).toBe(true)
    expect(damage.findings).toHaveLength(1)
    expect(damage.findings[0]).toMatchObject({ from: 0, to: 500, state: "missing" })
    expect(new Set(damage.findings[0]?.digests)).toEqual(new Set([1, 2, 3].map(digest)))
    expect(damage.knows(finding(0, 500, "missing"))).toBe(true)
    expect(damage.knows(finding(0, 501, "missing"))).toBe(false)
  })

  it("of another pack in the place of one takes its damage out of force", () => {
    const damage = knowing(finding(100, 200, "damaged", 1), finding(0, 500, "replaced", 2))
    expect(damage.findings.map(({ state }) => state)).toEqual(["replaced", "replaced"])
    expect(damage.covers({ pack: 3, offset: 100, storedSize: 10 })).toBe(false)
  })

  it("names a bounded number of contents", () => {
    const names = Array.from({ length: damagedContentCountMax + 5 }, (_, name) => name)
    const damage = knowing(finding(0, 10, "missing", ...names))
    expect(damage.findings[0]?.digests).toHaveLength(damagedContentCountMax)
  })

  it("is told in one sentence", () => {
    expect(wording(finding(5, 9))).toBe("00000003.pack is damaged from 5 to 9")
    expect(wording(finding(5, 9, "torn"))).toBe("00000003.pack is torn from 5 to 9")
    expect(wording(finding(0, 9, "missing"))).toBe("00000003.pack is missing")
    expect(wording(finding(5, 9, "missing"))).toBe(
      "00000003.pack ends at 5, and was written up to 9",
    )
    expect(wording(finding(0, 9, "replaced"))).toBe("another pack has the name of 00000003.pack")
  })
})

it("a change that changes nothing is none", () => {
  const damage = knowing(finding(1, 2), finding(3, 4))
  const { findings } = damage
  damage.change((one) => [one])
  expect(damage.findings).toBe(findings)
  damage.change((one) => (one.from === 1 ? [] : [one]))
  expect(damage.findings).toEqual([finding(3, 4)])
})

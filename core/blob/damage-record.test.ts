/**
 * Damage that is noticed: evidence is kept once and first, then it is on record; a disk that takes
 * neither is no failure of who noticed it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { type Finding, PackDamage } from "./damage.js"
import { readDamage } from "./damage-file.js"
import { DamageRecord, located } from "./damage-record.js"
import { packPath } from "./pack-files.js"
import { temporaryDirectory } from "./packs.contract.js"
import { stopped } from "./rules.js"

const directory = temporaryDirectory()
const packs = () => join(directory(), "packs")
const quarantine = () => join(directory(), "quarantine")
const recordOf = (damage: PackDamage) =>
  new DamageRecord({ directory: directory(), packs: packs(), quarantine: quarantine(), damage })

beforeEach(() => {
  mkdirSync(packs())
  writeFileSync(packPath(packs(), 1), Buffer.alloc(500, 7))
})

const finding = (pack: number, from: number, state: Finding["state"] = "damaged"): Finding => ({
  pack,
  from,
  to: from + 100,
  state,
  digests: [],
})

const left: Array<string> = []
const leave = () => {
  left.push("left")
  return Promise.resolve()
}

describe("a finding", () => {
  it("is kept with its pack, once, however often that is found damaged", async () => {
    left.length = 0
    const damage = new PackDamage([])
    const record = recordOf(damage)
    await record.take([finding(1, 28)], leave)
    expect(readdirSync(quarantine())).toEqual(["00000001.pack-1"])
    expect(readFileSync(join(quarantine(), "00000001.pack-1"))).toEqual(Buffer.alloc(500, 7))
    await record.take([finding(1, 28)], leave)
    expect(left).toHaveLength(1)
    await record.take([finding(1, 300)], leave)
    expect(await readDamage(directory())).toEqual([finding(1, 28), finding(1, 300)])
    const again = new PackDamage(await readDamage(directory()))
    await recordOf(again).take([finding(1, 400)], leave)
    expect(readdirSync(quarantine())).toEqual(["00000001.pack-1"])
    expect(await readDamage(directory())).toHaveLength(3)
  })

  it("of a pack that is gone or was replaced leaves no evidence", async () => {
    const record = recordOf(new PackDamage([]))
    await record.take([finding(2, 0, "missing"), finding(1, 0, "replaced")], leave)
    expect(readdirSync(quarantine())).toEqual([])
    expect(await readDamage(directory())).toHaveLength(2)
  })

  it("stays known when the disk takes neither, and is written with the next one", async () => {
    const damage = new PackDamage([])
    const record = recordOf(damage)
    // A file in the place of the directory: nothing can be kept in it.
    writeFileSync(quarantine(), "")
    await record.take([finding(1, 28)], () => Promise.reject(stopped("put")))
    expect(damage.findings).toEqual([finding(1, 28)])
    expect(await readDamage(directory())).toEqual([])
    rmSync(quarantine())
    await record.take([], leave)
    await record.settled()
    expect(await readDamage(directory())).toEqual([finding(1, 28)])
    expect(readdirSync(quarantine())).toEqual(["00000001.pack-1"])
  })

  it("of a pack that may be written yet is kept when it is not", async () => {
    const record = recordOf(new PackDamage([]))
    await record.take([finding(1, 28)], () => Promise.reject(new Error("not left")))
    expect(existsSync(quarantine())).toBe(false)
    await record.take([finding(1, 28)], leave)
    expect(readdirSync(quarantine())).toEqual(["00000001.pack-1"])
  })

  it("that was forgotten is taken off the record", async () => {
    const damage = new PackDamage([])
    const record = recordOf(damage)
    await record.take([finding(1, 28)], leave)
    damage.change(() => [])
    await record.take([], leave)
    expect(await readDamage(directory())).toEqual([])
  })

  it("is where the bytes are, or are missing", async () => {
    expect(await located(packs(), finding(1, 400))).toEqual(finding(1, 400))
    const beyond = { ...finding(1, 450), state: "missing" }
    expect(await located(packs(), finding(1, 450))).toEqual(beyond)
    expect(await located(packs(), finding(1, 700))).toEqual({ ...beyond, from: 500, to: 800 })
    expect(await located(packs(), finding(2, 700))).toEqual({
      ...beyond,
      pack: 2,
      from: 0,
      to: 800,
    })
  })
})

/**
 * The end of a log by LevelDB's files: what is there is known before LevelDB has opened it.
 */
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { beforeEach, describe, expect, it } from "vitest"
import { Damage } from "../disk/damage.js"
import { endOf, endOrDamage } from "./level-end.js"
import { bodies, keyOf, tamperWith, temporary, usesOf } from "./places.contract.js"

let directory = ""
beforeEach(() => {
  directory = join(temporary(), "log")
})

const use = usesOf(() => directory)

const append = (from: number, to: number, create = false) =>
  use((log) => log.append(from - 1, bodies(from, to)), { create })

const logs = (): ReadonlyArray<string> =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".log"))
    .map((name) => join(directory, name))

describe("the end of a log", () => {
  it("is its last record, in a write-ahead log or in a table, open or closed", async () => {
    await use(() => Effect.void, { create: true })
    expect(await endOf(directory)).toBe(0)
    await append(1, 20)
    expect(await endOf(directory)).toBe(20)
    // Opening moves what is in the log file to a table.
    await use(() => Effect.promise(async () => expect(await endOf(directory)).toBe(20)))
    await append(21, 5_000)
    expect(await endOf(directory)).toBe(5_000)
    await use(() => Effect.void)
    for (const path of logs()) expect(readFileSync(path)).toHaveLength(0)
    expect(await endOf(directory)).toBe(5_000)
  })

  it("does not count what was deleted, nor what is no position", async () => {
    await append(1, 20, true)
    await tamperWith(directory, (store) =>
      store.batch([
        { type: "del", key: keyOf(900) },
        { type: "put", key: Buffer.from("zebra"), value: Buffer.of(1) },
      ]),
    )
    expect(await endOf(directory)).toBe(20)
  })

  it("is that of the last whole write where the last one was torn", async () => {
    await append(1, 20, true)
    await use((log) =>
      Effect.andThen(log.append(20, bodies(21, 21)), log.append(21, bodies(22, 22))),
    )
    const [path = ""] = logs().filter((one) => readFileSync(one).length > 0)
    truncateSync(path, readFileSync(path).length - 3)
    expect(await endOf(directory)).toBe(21)
  })

  it("is not known where writes are broken in the middle, nor of what is no log", async () => {
    await use((log) => log.append(0, bodies(1, 5_000)), { create: true })
    const [path = ""] = logs()
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0xa5, 40_000, 40_040))
    expect(await endOrDamage(directory)).toBeInstanceOf(Damage)
    await expect(endOf(directory)).rejects.toBeInstanceOf(Damage)
    rmSync(path)
    await expect(endOrDamage(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" })
  })
})

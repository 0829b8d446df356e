/**
 * The reserve: there, given up, and there again.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { devNull, tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { Reserve } from "./reserve.js"

it("takes its room until it is given up, and takes it again", async () => {
  const directory = mkdtempSync(join(tmpdir(), "daybook-reserve-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, "reserve")
  const reserve = new Reserve(path, 10_000)
  expect(await reserve.giveUp()).toBe(false)
  await reserve.keep()
  expect(statSync(path)).toMatchObject({ size: 10_000, mode: 0o100600 })
  expect([await reserve.giveUp(), await reserve.giveUp()]).toEqual([true, false])
  writeFileSync(path, "as it is")
  await reserve.keep()
  expect(statSync(path).size).toBe(8)
})

it("leaves nothing where there is no room for it", async () => {
  const reserve = new Reserve(join(devNull, "reserve"), 10)
  await reserve.keep()
  expect(await reserve.giveUp()).toBe(false)
})

/**
 * Whether a blob is what its recipe says: chunks that are whole do not make it so.
 */
import { expect, it } from "vitest"
import { BlobCorrupted } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { Frame } from "./frame.js"
import { isGenuine } from "./genuine.js"
import { frameOf, recipeOf } from "./packs.contract.js"
import { recipeDraft } from "./recipe.js"
import { corrupted } from "./rules.js"
import { noise } from "./samples.contract.js"
import type { LoadChunks } from "./send.js"

const frames = Array.from({ length: 9 }, (_, seed) => frameOf(noise(500, seed)))
const recipe = recipeOf(frames)

const loadFrom =
  (stored: ReadonlyArray<Frame>): LoadChunks =>
  (wanted) => {
    const found = wanted.map(({ chunk }) => stored.find(({ digest }) => digest === chunk.digest))
    const whole = found.filter((frame) => frame !== undefined)
    return whole.length === found.length
      ? Promise.resolve(whole)
      : Promise.reject(corrupted(recipe.stat.digest, "lacks a chunk"))
  }

it("is found out by reading all of it", async () => {
  expect(await isGenuine(recipe, loadFrom(frames))).toBe(true)
  expect(await isGenuine(recipeOf([]), loadFrom(frames))).toBe(true)
  expect(await isGenuine(recipe, loadFrom(frames.slice(1)))).toBe(false)
})

it("is denied where the chunks make up something else, or have another checksum", async () => {
  const other = recipeDraft()
  for (const frame of frames) other.add(frame)
  const victim = digestOf(noise(100, 99))
  expect(await isGenuine(other.finish(victim, recipe.stat.crc32), loadFrom(frames))).toBe(false)
  const same = recipeDraft()
  for (const frame of frames) same.add(frame)
  expect(await isGenuine(same.finish(recipe.stat.digest, 1), loadFrom(frames))).toBe(false)
})

it("is not decided by a disk that fails", async () => {
  const failed = new Error("EIO")
  const failing = isGenuine(recipe, () => Promise.reject(failed))
  await expect(failing).rejects.toBe(failed)
  expect(failed).not.toBeInstanceOf(BlobCorrupted)
})

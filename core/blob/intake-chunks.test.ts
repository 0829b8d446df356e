/**
 * Chunks on their way in: in order, each stored once at most, whoever made its stored form.
 */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { storedForm } from "./deflate.js"
import { ChunkIntake } from "./intake-chunks.js"
import { frameOf } from "./prepared.js"
import { chunksOf } from "./recipe.js"
import { recording } from "./recording.contract.js"
import { noise, prose } from "./samples.contract.js"

const raws = [prose(20_000, 1), noise(20_000, 2), prose(30_000, 3), prose(100, 4)]
const rawChunk = (raw: Uint8Array) => ({ raw, digest: digestOf(raw) })
const frame = (raw: Uint8Array) => frameOf(raw, digestOf(raw), storedForm(raw))
const whole = digestOf(...raws)

it("keeps what is new of them, raw or framed, and names all in the recipe", async () => {
  const frames = raws.map(frame)
  const [known] = frames.slice(2)
  const given = new Map(known === undefined ? [] : [[known.digest, known]])
  const { draft, kept, calls, recipe } = recording(given)
  const intake = new ChunkIntake(draft)
  const [first, second, third, last] = raws
  if (!(first && second && third && last)) throw new Error("there are four")
  await Effect.runPromise(intake.append([rawChunk(first), frame(second)]))
  expect(intake.isNew).toBe(true)
  await Effect.runPromise(intake.append([rawChunk(third)]))
  expect(intake.isNew).toBe(false)
  const stat = await Effect.runPromise(intake.finish([frame(last)], whole, 7))
  expect(calls.filter((call) => call !== "chunk")).toEqual(["append", "append", "blob", "commit"])
  expect(kept).toEqual([0, 1, 3].map((at) => frames[at]))
  expect(stat).toMatchObject({ digest: whole, crc32: 7, size: 70_100 })
  const found = recipe()
  const entries = found === undefined ? [] : chunksOf(found, 0, found.count)
  expect(entries).toEqual(
    frames.map(({ digest, size, storedSize, storedDigest }) => ({
      ...{ digest, size, storedSize, storedDigest },
    })),
  )
})

it("gives no recipe of a blob that came to be known meanwhile", async () => {
  const { draft, recipe } = recording()
  const [raw = new Uint8Array(0)] = raws
  const first = await Effect.runPromise(
    new ChunkIntake(draft).finish([rawChunk(raw)], digestOf(raw), 1),
  )
  expect(recipe()).toBeDefined()
  const knowing = recording()
  const again = new ChunkIntake({ ...knowing.draft, blob: () => first })
  expect(await Effect.runPromise(again.finish([rawChunk(raw)], digestOf(raw), 1))).toBe(first)
  expect(knowing.recipe()).toBeUndefined()
})

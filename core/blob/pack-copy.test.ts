/**
 * Copies of packs: verbatim, whatever the copy held before.
 */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { beforeEach, describe, expect, it } from "vitest"
import { packHeader } from "./pack.js"
import { copyPacks } from "./pack-copy.js"
import { packPath } from "./pack-files.js"
import { temporaryDirectory } from "./packs.contract.js"

const parent = temporaryDirectory()
let from = ""
let to = ""
beforeEach(() => {
  from = join(parent(), "from")
  to = join(parent(), "to")
  mkdirSync(from)
  mkdirSync(to)
})

const write = (directory: string, pack: number, text: string): void =>
  writeFileSync(packPath(directory, pack), Buffer.concat([packHeader(), Buffer.from(text)]))

const run = () => Effect.runPromise(copyPacks(from, to))

const expectCopied = (): void => {
  expect(readdirSync(to)).toEqual(readdirSync(from))
  for (const name of readdirSync(from))
    expect(readFileSync(join(to, name)).equals(readFileSync(join(from, name)))).toBe(true)
}

describe("copying packs", () => {
  it("takes all at first, then what is new, and drops what is gone", async () => {
    write(from, 1, "first")
    write(from, 2, "x".repeat(3_000_000))
    expect(await run()).toBe(28 + 5 + 28 + 3_000_000)
    expectCopied()
    expect(await run()).toBe(0)
    appendFileSync(packPath(from, 2), "more")
    write(from, 4, "third")
    expect(await run()).toBe(4 + 28 + 5)
    expectCopied()
    write(to, 9, "of a pack that is no more")
    expect(await run()).toBe(0)
    expectCopied()
  })

  it("begins again where the copy is of another pack, and cuts off what is too much", async () => {
    write(from, 1, "first")
    write(to, 1, "another pack, and longer")
    expect(await run()).toBe(28 + 5)
    expectCopied()
    appendFileSync(packPath(to, 1), "torn")
    expect(await run()).toBe(0)
    expectCopied()
    truncateSync(packPath(to, 1), 10)
    expect(await run()).toBe(28 + 5)
    expectCopied()
  })

  it("stops when it is interrupted, and goes on from there", async () => {
    for (let pack = 1; pack <= 40; pack += 1) write(from, pack, "x".repeat(200_000))
    const copied = await Effect.runPromise(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(copyPacks(from, to))
        while (readdirSync(to).length < 2) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(fiber)
        return readdirSync(to).length
      }),
    )
    expect(copied).toBeLessThan(40)
    await run()
    expectCopied()
  })

  it("says so when the place is gone", async () => {
    const failure = await Effect.runPromise(Effect.flip(copyPacks(join(from, "none"), to)))
    expect(failure).toMatchObject({ _tag: "BlobFailure", operation: "copy", reason: "missing" })
  })
})

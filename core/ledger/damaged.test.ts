/**
 * How a damaged ledger is opened to be recovered: how far it is known to have come, by what is left
 * of its seal, its views and its files.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { identityOf, openDamaged } from "./damaged.js"
import { layoutOf } from "./layout.js"
import { killed, temporary } from "./places.contract.js"
import { lived, lose, story } from "./recover.contract.js"

/** The head of its log, and how far it had come. */
const look = (directory: string) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const { log, end } = yield* openDamaged(directory, join(temporary(), "copies"))
        return [yield* log.head, end]
      }),
    ),
  )

describe("how far a damaged ledger had come", () => {
  it("is told by its seal, where the log has lost its end", async () => {
    const directory = await lived(story)
    await lose(directory, 7, 8)
    rmSync(layoutOf(directory).view, { recursive: true })
    expect(await look(directory)).toEqual([6, 8])
  })

  it("is told by its views, where there is no seal", async () => {
    const directory = await lived(story)
    await lose(directory, 8)
    rmSync(layoutOf(directory).tip)
    expect(await look(directory)).toEqual([7, 8])
  })

  it("is what is there, where nothing else says so", async () => {
    const directory = await lived(story)
    await lose(directory, 8)
    const { tip, view } = layoutOf(directory)
    writeFileSync(tip, "no seal")
    rmSync(view, { recursive: true })
    const [head = 0, end = 0] = await look(directory)
    expect([head, end <= 8]).toEqual([7, true])
  })

  it("is told by what lies behind the seal too", async () => {
    const directory = await killed({}, story)
    expect(await look(directory)).toEqual([8, 8])
  })
})

describe("what is no ledger to recover", () => {
  it("is told by its directory", async () => {
    const directory = temporary()
    const none = await Effect.runPromise(Effect.flip(identityOf(directory)))
    expect(none).toMatchObject({ _tag: "WrongLedger", directory })
    mkdirSync(join(directory, "view"))
    writeFileSync(layoutOf(directory).making, "")
    const lost = await Effect.runPromise(Effect.flip(identityOf(directory)))
    expect(lost).toMatchObject({ _tag: "WrongLedger", directory })
  })

  it("has the seal of another", async () => {
    const [one, other] = [await lived(story), await lived(story)]
    writeFileSync(layoutOf(one).tip, readFileSync(layoutOf(other).tip))
    await expect(look(one)).rejects.toMatchObject({ _tag: "WrongLedger" })
  })
})

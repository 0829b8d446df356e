/**
 * Opening over stores in memory: what a writer proves, and what a reader is told of damage.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { LedgerReadOnly } from "../errors.js"
import type { LedgerApi } from "./api.js"
import type { Reading } from "./place.js"
import { MemoryPlace } from "./places.contract.js"

const refusal = new LedgerReadOnly({ message: "only to be asked", directory: "memory" })

class ReadPlace extends MemoryPlace {
  readonly reading: Reading = { refusal, damaged: [], renew: Effect.void }
}

/** Twenty versions of `a`, at positions 2 to 21, and the views over them. */
const made = async (): Promise<ReadPlace> => {
  const place = new MemoryPlace(0)
  await place.use((ledger) =>
    Effect.gen(function* () {
      for (let n = 1; n <= 20; n += 1) yield* ledger.save("a", n)
    }),
  )
  const reader = new ReadPlace(place)
  for (const [key, row] of place.rows) reader.rows.set(key, row)
  return reader
}

const lose = (place: MemoryPlace, from: number, to: number): void => {
  for (let position = from; position <= to; position += 1) delete place.records[position - 1]
}

const answers = (ledger: LedgerApi<"effect">) =>
  Effect.gen(function* () {
    const { damaged, readOnly, root } = ledger.trust
    const latest = yield* ledger.load("a")
    return { damaged, readOnly, hasRoot: root !== undefined, latest, position: ledger.position }
  })

describe("a ledger that is only asked", () => {
  it("is proven as any other when it is whole", async () => {
    const place = await made()
    expect(await place.use(answers)).toEqual({
      damaged: [],
      readOnly: true,
      hasRoot: true,
      latest: 20,
      position: 21,
    })
    const refused = await place.use((ledger) => Effect.flip(ledger.save("a", 1)))
    expect(refused).toBe(refusal)
  })

  it("answers out of its views, and says which events it cannot show", async () => {
    const place = await made()
    lose(place, 7, 9)
    const seen = await place.use(answers)
    expect(seen).toMatchObject({ hasRoot: false, latest: 20, position: 21 })
    expect(seen.damaged).toEqual([
      { from: 7, to: 9, text: "events 7 to 9 are missing or damaged, between 6 and 10" },
    ])
  })

  it("answers as of the last event before the damage, where it has no views", async () => {
    const place = await made()
    lose(place, 7, 9)
    place.rows.clear()
    const seen = await place.use(answers)
    expect(seen).toMatchObject({ latest: 5, position: 6 })
    expect(seen.damaged.map(({ text }) => text)).toEqual([
      "events 7 to 9 are missing or damaged, between 6 and 10",
      "the views end before the damage: answers are as of event 6",
    ])
  })

  it("keeps what its views saw of events that are lost at the end", async () => {
    const place = await made()
    place.records.length = 15
    const seen = await place.use(answers)
    expect(seen).toMatchObject({ latest: 20, position: 21 })
  })
})

describe("a ledger whose views have lost a commit", () => {
  it("gives all of them up, builds them anew, and says so", async () => {
    const place = new MemoryPlace(0)
    for (let n = 1; n <= 5; n += 1) await place.use((ledger) => ledger.save("a", n))
    const numbers = [...place.rows.keys()].filter((key) => key.startsWith("c\u0000"))
    expect(numbers.length).toBeGreaterThan(0)
    for (const number of numbers) place.rows.delete(number)
    const { repaired, loaded } = await place.use((ledger) =>
      Effect.map(ledger.load("a"), (loaded) => ({ loaded, repaired: ledger.trust.repaired })),
    )
    expect(repaired[0]).toBe("rows of the views were lost: all were given up")
    expect(loaded).toBe(5)
  })
})

/**
 * Recoveries for suites: ledgers that lived, damage that is done to them, and recoveries of them,
 * during which nothing of what is damaged may change.
 *
 * Knows nothing of what was in a ledger.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { Level } from "level"
import { expect } from "vitest"
import type { CoreRecorded } from "../event/catalog.js"
import type { Recorded } from "../event/event.js"
import { keyOf } from "../log/level-records.js"
import { layoutOf } from "./layout.js"
import { opened, stamps, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger, recover } from "./promise.js"

/** A path at which there is nothing yet. */
export const place = (): string => join(temporary(), "ledger")

/** A ledger that is closed by now. */
export const lived = async (
  write: (ledger: PromiseLedger) => Promise<unknown>,
): Promise<string> => {
  const directory = place()
  const ledger = await openLedger({ directory, actor: "ann" })
  await write(ledger)
  await ledger.close()
  return directory
}

/** Takes events out of the log, as damage does. */
export const lose = async (
  directory: string,
  ...positions: ReadonlyArray<number>
): Promise<void> => {
  const log = new Level<Buffer, Buffer>(layoutOf(directory).log, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  })
  await log.open()
  await log.batch(positions.map((position) => ({ type: "del", key: keyOf(position) })))
  await log.close()
}

/** Recovers, looks that nothing changed, and opens what was made. */
export const recovered = async (directory: string) => {
  const before = stamps(directory)
  const into = place()
  const told = await recover(directory, { into })
  expect(stamps(directory)).toEqual(before)
  const ledger = await opened(into)
  const { ledger: id, position, root } = told
  expect(ledger.trust).toMatchObject({ ledger: id, position, root, sealed: position, damaged: [] })
  expect(readdirSync(layoutOf(into).tmp)).toEqual([])
  return { told, ledger, into }
}

/** Every event, in order. */
export const eventsOf = async (ledger: PromiseLedger): Promise<ReadonlyArray<CoreRecorded>> => {
  const all: Array<Recorded> = []
  for await (const event of ledger.replay()) all.push(event)
  return all as ReadonlyArray<unknown> as ReadonlyArray<CoreRecorded>
}

/** Eight events, the first one included, of which many need another. */
export const story = async (ledger: PromiseLedger): Promise<void> => {
  await ledger.defineTag("live", { exclusive: true }) // 2
  const first = await ledger.save("a", "one", { tags: "raw", metadata: { n: 1 } }) // 3
  await ledger.save("b", "made of a", { inputs: [first], idempotencyKey: "b" }) // 4
  await ledger.tag("a@1", "live") // 5
  await ledger.save("a", "two") // 6
  await ledger.tag("a@2", "live") // 7
  await ledger.logMetadata("b", { score: 0.5 }, { reason: "measured" }) // 8
}

/**
 * What must hold of a ledger after whatever happened to it: a log without gaps whose requests are
 * whole, content that reads back, and views that a replay from nothing makes again row by row.
 *
 * Knows nothing of what happened, nor of what anybody was told.
 */
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { expect } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import { type CoreRecorded, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import type { ViewStore } from "../view/view-store.js"
import { layoutOf } from "./layout.js"
import { rowsOf } from "./ledger.contract.js"
import { leftIn, MemoryPlace } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const codec = makeCodec(catalog)

const rowsIn = <E>(store: Layer.Layer<ViewStore, E>) =>
  Effect.runPromise(Effect.provide(rowsOf, store))

/** The rows of the views in a directory that are not the same as these; nobody has it open. */
export const differing = async (
  directory: string,
  rows: Map<string, Uint8Array>,
): Promise<ReadonlyArray<string>> => {
  const kept = await rowsIn(LevelViews.layer({ directory: layoutOf(directory).view }))
  const made = await rowsIn(MemoryViews.layerWith({ rows }))
  const keys = new Set([...kept.keys(), ...made.keys()])
  return [...keys].filter((key) => !isDeepStrictEqual(kept.get(key), made.get(key)))
}

/** A place in memory into which a log from elsewhere is folded, from nothing. */
export const replayed = async (
  left: Pick<MemoryPlace, "identity" | "records">,
): Promise<MemoryPlace> => {
  const place = new MemoryPlace({ ...left, blobs: emptyBlobs() })
  await place.use(() => Effect.void)
  return place
}

/** The events after a position, which follow each other without a gap up to the head. */
export const eventsAfter = async (
  ledger: Pick<PromiseLedger, "replay" | "position">,
  after: number,
): Promise<ReadonlyArray<CoreRecorded>> => {
  const events: Array<CoreRecorded> = []
  for await (const event of ledger.replay({ after })) {
    events.push(event as CoreRecorded)
    expect(event.position).toBe(after + events.length)
  }
  expect(after + events.length).toBe(ledger.position)
  return events
}

/** Events of one request are there together: their parts count up to what each of them says. */
export const expectWhole = (events: ReadonlyArray<CoreRecorded>): void => {
  let open: { readonly index: number; readonly count: number } | undefined
  for (const { part } of events) {
    expect(part).toEqual(
      open === undefined
        ? part && { index: 0, count: part.count }
        : { index: open.index + 1, count: open.count },
    )
    open = part !== undefined && part.index + 1 < part.count ? part : undefined
  }
  expect(open).toBeUndefined()
}

/** All of it, of a ledger that nobody has open; answers with every event that it has. */
export const examine = async (directory: string): Promise<ReadonlyArray<CoreRecorded>> => {
  const ledger = await openLedger({ directory, create: false })
  const events: Array<CoreRecorded> = []
  try {
    expect(ledger.trust.damaged).toEqual([])
    expect(ledger.trust.lost).toBeUndefined()
    events.push(...(await eventsAfter(ledger, 0)))
    expectWhole(events)
    // As of the save: what was deleted since is read too. The store checks each blob it reads.
    for (const { type, position, data } of events)
      if (type === "version-saved") await ledger.asOf(position).load(data.version.id)
  } finally {
    await ledger.close()
  }
  const left = await leftIn(directory)
  const ids = events.map(({ id }) => id)
  expect(left.records.map((body) => codec.decode(body).id)).toEqual(ids)
  expect(await differing(directory, (await replayed(left)).rows)).toEqual([])
  return events
}

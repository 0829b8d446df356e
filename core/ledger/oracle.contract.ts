/**
 * What must hold of a ledger after whatever happened to it: a log without gaps whose requests are
 * whole and whose root is that of all its records, content that reads back from packs that are
 * whole, and views that a replay from nothing makes again row by row.
 *
 * Knows nothing of what happened, nor of what anybody was told.
 */
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { expect } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import type { DaybookError, Outcome, ViewFailure } from "../errors.js"
import { type CoreRecorded, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { toDigest } from "../model/digest.js"
import { rootByDefinition } from "../proof/merkle.contract.js"
import { leafHash } from "../proof/merkle.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import type { ViewStore } from "../view/view-store.js"
import type { VerifyFinding } from "./answers.js"
import type { LedgerApi } from "./api.js"
import { layoutOf } from "./layout.js"
import { rowsOf } from "./ledger.contract.js"
import { Ledger } from "./ledger.js"
import { layer } from "./local.js"
import { leftIn, MemoryPlace } from "./places.contract.js"
import type { Trust } from "./trust.js"

const codec = makeCodec(catalog)

const rowsIn = <E>(store: Layer.Layer<ViewStore, E>) =>
  Effect.runPromise(Effect.provide(rowsOf, store))

/** The rows of a view store that are not the same as these. */
export const differing = async <E>(
  store: Layer.Layer<ViewStore, E>,
  rows: Map<string, Uint8Array>,
): Promise<ReadonlyArray<string>> => {
  const kept = await rowsIn(store)
  const made = await rowsIn(MemoryViews.layerWith({ rows }))
  const keys = new Set([...kept.keys(), ...made.keys()])
  return [...keys].filter((key) => !isDeepStrictEqual(kept.get(key), made.get(key)))
}

/** The views of a ledger directory that nobody has open. */
export const viewsIn = (directory: string): Layer.Layer<ViewStore, ViewFailure> =>
  LevelViews.layer({ directory: layoutOf(directory).view })

/** A place in memory into which a log from elsewhere is folded, from nothing. */
export const replayed = async (
  left: Pick<MemoryPlace, "identity" | "records">,
): Promise<MemoryPlace> => {
  const place = new MemoryPlace({ ...left, blobs: emptyBlobs() })
  await place.use(() => Effect.void)
  return place
}

/** Events of one request are there together: their parts count up to what each of them says. */
const expectWhole = (events: ReadonlyArray<CoreRecorded>): void => {
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

/** The events after a position: up to the head, without a gap, every request as a whole. */
export const expectDense = (
  events: ReadonlyArray<CoreRecorded>,
  after: number,
  head: number,
): void => {
  expect(events.map(({ position }) => position)).toEqual(events.map((_, at) => after + at + 1))
  expect(after + events.length).toBe(head)
  expectWhole(events)
}

/**
 * The events of a write are there, as a whole, or not, as it was answered: an answer says that they
 * are, an error says so by its outcome.
 */
export const expectTrue = (
  answered: Outcome,
  found: ReadonlyArray<string>,
  made: ReadonlyArray<string>,
): void => {
  const allowed = { none: [[]], committed: [made], unknown: [[], made] }[answered]
  expect({ answered, found }).toEqual({ answered, found: expect.toBeOneOf(allowed) })
}

const isMeant = (error: DaybookError, isSwept: boolean, lost: ReadonlyArray<string>): boolean =>
  (error._tag === "ContentGone" && isSwept) ||
  (error._tag === "BlobCorrupted" && lost.includes(error.digest))

/** What opening says of its root is that of all records, the first one first. */
export const expectRoot = ({ root }: Trust, records: ReadonlyArray<Uint8Array>): void =>
  expect(root).toBe(toDigest(rootByDefinition(records.map(leafHash))))

/**
 * All that is stored is whole, and all that versions need is there, except for what is known to be
 * lost, by digest.
 */
const expectVerified = Effect.fnUntraced(function* (
  ledger: LedgerApi<"effect">,
  lost: ReadonlyArray<string>,
) {
  const { whole, findings, omitted, resume } = yield* ledger.verify({ depth: "blobs" })
  const isKnown = (finding: VerifyFinding): boolean =>
    finding.kind === "version" && lost.includes(finding.digest)
  expect(findings.filter((finding) => !isKnown(finding))).toEqual([])
  const all = { whole: findings.length === 0, omitted: 0, resume: undefined }
  expect({ whole, omitted, resume }).toEqual(all)
  expect(ledger.trust.damagedContent).toEqual([])
})

/** The versions whose content was given up, by id. */
export const sweptIn = (events: ReadonlyArray<CoreRecorded>): ReadonlySet<string> =>
  new Set(
    events.flatMap(({ type, data }) =>
      type === "content-swept" ? data.versions.map(({ version }) => version.id) : [],
    ),
  )

/**
 * All that an open ledger says of itself; answers with every event that it has. Content that was
 * swept may be gone; other content must be there, except for what is known to be lost, by digest.
 */
export const inspect = Effect.fnUntraced(function* (
  ledger: LedgerApi<"effect">,
  lost: ReadonlyArray<string> = [],
) {
  expect(ledger.trust).toMatchObject({ damaged: [], damagedContent: [] })
  expect(ledger.trust.lost).toBeUndefined()
  const found: ReadonlyArray<unknown> = yield* Stream.runCollect(ledger.replay())
  const events = found as ReadonlyArray<CoreRecorded>
  expectDense(events, 0, ledger.position)
  const swept = sweptIn(events)
  // As of the save: what was deleted since is read too. The store checks each blob it reads.
  for (const { type, position, data } of events) {
    if (type !== "version-saved") continue
    const { id } = data.version
    const load = ledger.asOf(position).load(id)
    yield* Effect.catchIf(
      load,
      (error) => isMeant(error, swept.has(id), lost),
      () => Effect.void,
    )
  }
  yield* expectVerified(ledger, lost)
  return events
})

/** All of it, of a ledger that nobody has open; answers with every event that it has. */
export const examine = async (
  directory: string,
  lost: ReadonlyArray<string> = [],
): Promise<ReadonlyArray<CoreRecorded>> => {
  const opened = layer({ directory, create: false })
  const look = Ledger.use((ledger) =>
    Effect.map(inspect(ledger, lost), (events) => ({ events, trust: ledger.trust })),
  )
  const { events, trust } = await Effect.runPromise(Effect.provide(look, opened))
  const left = await leftIn(directory)
  expectRoot(trust, left.records)
  const ids = events.map(({ id }) => id)
  expect(left.records.map((body) => codec.decode(body).id)).toEqual(ids)
  expect(await differing(viewsIn(directory), (await replayed(left)).rows)).toEqual([])
  return events
}

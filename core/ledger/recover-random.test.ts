/**
 * Recovery of ledgers with a random past: one that is whole answers every question as before, at
 * every moment, and of one that lost events at random each is accounted for, and the rest is sound.
 */
import { cpSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isDaybookError, isFailure } from "../errors.js"
import type { CoreRecorded } from "../event/catalog.js"
import { type Asked, answers } from "./ledger.contract.js"
import { Ledger } from "./ledger.js"
import { layer } from "./local.js"
import { examine, sweptIn } from "./oracle.contract.js"
import { temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"
import { eventsOf, lived, lose, recovered } from "./recover.contract.js"

type Act = (ledger: PromiseLedger, ids: ReadonlyArray<string>) => Promise<unknown>

const name = fc.constantFrom("a", "b/c")
const tag = fc.constantFrom("t", "x", "prod")
const value = fc.constantFrom<unknown>("one", "two", [{ n: 1 }, { n: 2 }], 7)
const nth = fc.nat({ max: 40 })
const pick = (ids: ReadonlyArray<string>, index: number): string =>
  ids[index % Math.max(1, ids.length)] ?? "a@1"
const key = fc.option(fc.constantFrom("k1", "k2", "k3"), { nil: undefined })
const keyed = (given: string | undefined) => (given === undefined ? {} : { idempotencyKey: given })
const label = fc.option(fc.constantFrom("x", "final", "9"), { nil: undefined, freq: 2 })

const saving = fc.tuple(name, value, tag, label, nth, key, fc.nat({ max: 3 })).map(
  ([of, what, tags, version, input, k, how]): Act =>
    (ledger, ids) =>
      ledger.save(of, what, {
        ...(how % 2 === 0 ? { tags } : { metadata: { k: how } }),
        ...(version === undefined ? {} : { version }),
        ...(how > 1 ? { inputs: [pick(ids, input)] } : {}),
        ...(how === 0 ? { reuse: "content" as const } : {}),
        ...keyed(k),
      }),
)

const about = (act: (ledger: PromiseLedger, of: string, tag: string) => Promise<unknown>) =>
  fc.tuple(nth, tag).map(
    ([at, word]): Act =>
      (ledger, ids) =>
        act(ledger, pick(ids, at), word),
  )
const ofArtifact = (act: (ledger: PromiseLedger, of: string, tag: string) => Promise<unknown>) =>
  fc.tuple(name, tag).map(
    ([of, word]): Act =>
      (ledger) =>
        act(ledger, of, word),
  )

const batching = fc.tuple(name, tag, key).map(
  ([of, word, k]): Act =>
    (ledger) =>
      ledger.batch((b) => {
        const { id } = b.save(of, "of a batch")
        b.tag({ id }, word)
        b.logMetadata({ id }, { l: 1 })
      }, keyed(k)),
)

/** What is refused changes nothing: it is no matter here. */
const refused = (error: unknown): void => {
  if (!isDaybookError(error) || isFailure(error)) throw error
}

/** A sweep, and what is deleted before it, so that something goes. */
const sweeping = about(async (ledger, of) => {
  await ledger.delete(of, { force: true }).catch(refused)
  await ledger.sweep({ undoDays: 0, reason: "room" })
})

const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: saving },
  { weight: 2, arbitrary: batching },
  { weight: 3, arbitrary: about((ledger, of, word) => ledger.tag(of, word)) },
  about((ledger, of, word) => ledger.untag(of, word)),
  about((ledger, of) => ledger.logMetadata(of, { k: "later" }, { reason: "measured" })),
  about((ledger, of) => ledger.removeMetadata(of, "k")),
  { weight: 2, arbitrary: about((ledger, of) => ledger.delete(of)) },
  about((ledger, of) => ledger.delete(of, { force: true, reason: "old" })),
  { weight: 2, arbitrary: about((ledger, of) => ledger.restore(of)) },
  about((ledger, of) => ledger.hold(of, { reason: "audit" })),
  about((ledger, of) => ledger.release(of)),
  { weight: 2, arbitrary: sweeping },
  ofArtifact((ledger, artifact, word) => ledger.tag({ artifact }, word)),
  ofArtifact((ledger, artifact) => ledger.logMetadata({ artifact }, { l: [1, "é"] })),
  ofArtifact((ledger, artifact) => ledger.delete({ artifact })),
  ofArtifact((ledger, artifact) => ledger.restore({ artifact })),
  ofArtifact((ledger, _, word) => ledger.defineTag(word, { exclusive: true, color: "red" })),
)

const idsIn = async (ledger: PromiseLedger): Promise<ReadonlyArray<string>> =>
  (await eventsOf(ledger)).flatMap((event) =>
    event.type === "version-saved" ? [event.data.version.id] : [],
  )

const past = (all: ReadonlyArray<Act>) =>
  lived(async (ledger) => {
    for (const act of all) await act(ledger, await idsIn(ledger)).catch(refused)
  })

const isOfItself = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  "type" in value &&
  ["ledger-created", "ledger-recovered"].includes(String(value.type))

/** An answer with its positions so much lower, and without what a ledger says of itself. */
const shifted = (answer: unknown, by: number): unknown => {
  if (typeof answer === "string")
    return answer.replace(/position (\d+)/g, (_, at: string) => `position ${Number(at) - by}`)
  if (Array.isArray(answer))
    return answer.filter((one) => !isOfItself(one)).map((one) => shifted(one, by))
  if (typeof answer !== "object" || answer === null || answer instanceof Date) return answer
  if (answer instanceof Uint8Array) return answer
  const members = Object.entries(answer).map(([member, of]): [string, unknown] => {
    if (member === "next") return [member, true]
    if ((member !== "position" && member !== "previous") || typeof of !== "number")
      return [member, shifted(of, by)]
    return [member, of === 0 ? 0 : of - by]
  })
  return Object.fromEntries(members)
}

/** Questions that name positions themselves. */
const named = /second|third|fourth|later/

/** Every answer, now and at some moments. */
const told = (directory: string, asked: Asked, by: number, moments: ReadonlyArray<number>) => {
  const ask = Ledger.use((ledger) =>
    Effect.gen(function* () {
      const all: Record<string, unknown> = { now: yield* answers(ledger, asked) }
      for (const moment of moments) all[moment] = yield* answers(ledger.asOf(moment + by), asked)
      return all
    }),
  )
  const opened = layer({ directory, readOnly: true })
  return Effect.runPromise(Effect.provide(ask, opened)).then((all) =>
    Object.entries(all).flatMap(([moment, given]) =>
      Object.entries(given as object)
        .filter(([question]) => !named.test(question))
        .map(([question, answer]) => [moment, question, shifted(answer, by)]),
    ),
  )
}

/** The digests of all files whose content was given up at some time. */
const sweptFiles = (events: ReadonlyArray<CoreRecorded>): ReadonlyArray<string> => {
  const swept = sweptIn(events)
  return events.flatMap(({ type, data }) =>
    type === "version-saved" && swept.has(data.version.id)
      ? (data.content.entries ?? []).map(({ digest }) => digest)
      : [],
  )
}

describe("a random past", () => {
  it("that is whole is answered for as before", { timeout: 600_000 }, async () => {
    const property = fc.asyncProperty(
      fc.array(acts, { minLength: 10, maxLength: 40, size: "max" }),
      fc.nat(),
      async (all, at) => {
        const directory = await past(all)
        const { told: report, ledger, into } = await recovered(directory)
        const nothing = { lost: [], leftOut: [], altered: [], contentLost: [] }
        expect(report).toMatchObject(nothing)
        const asked = {
          artifacts: ["a", "b/c", "none"],
          selectors: ["1", "2", "x", "prod", "t"],
          tags: ["t", "prod", "none"],
          keys: ["k"],
          ids: (await idsIn(ledger)).slice(-3),
        }
        await ledger.close()
        const moments = [1 + (at % (report.position - 1))]
        const before = await told(directory, asked, 0, moments)
        expect(before.length).toBeGreaterThan(100)
        expect(await told(into, asked, 1, moments)).toEqual(before)
      },
    )
    await fc.assert(property, { numRuns: 10 })
  })

  it("with holes is accounted for, event by event", { timeout: 600_000 }, async () => {
    const property = fc.asyncProperty(
      fc.array(acts, { minLength: 10, maxLength: 40, size: "max" }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
      async (all, holes) => {
        const directory = await past(all)
        const whole = join(temporary(), "whole")
        cpSync(directory, whole, { recursive: true })
        const source = await openLedger({ directory: whole, readOnly: true })
        const events = (await eventsOf(source)).slice(1)
        await source.close()
        if (events.length === 0) return
        const lost = new Set(holes.map((hole) => 2 + (hole % events.length)))
        await lose(directory, ...lost)
        const { told: report, ledger, into } = await recovered(directory)
        await ledger.close()
        const out = new Set(report.leftOut.map(({ position }) => position))
        const left = events.filter(({ position }) => !lost.has(position) && !out.has(position))
        // Where a deletion is lost, its version is back without the content that was swept.
        const gone = report.contentLost.map(({ digest }) => digest)
        expect(sweptFiles(events)).toEqual(expect.arrayContaining(gone))
        const found = await examine(into, gone)
        expect(found.slice(2).map(({ id }) => id)).toEqual(left.map(({ id }) => id))
        const named = report.lost.flatMap(({ from = 0, to = 0 }) =>
          Array.from({ length: to - from + 1 }, (_, index) => from + index),
        )
        expect(named).toEqual([...lost].sort((a, b) => a - b))
        expect(report.altered.every(({ position }) => !lost.has(position))).toBe(true)
      },
    )
    await fc.assert(property, { numRuns: 15 })
  })
})

import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { Recorder, testId, timeAt } from "../event/recorder.contract.js"
import { replayPageCount } from "../limits.js"
import { EventLog } from "../log/event-log.js"
import { type Failpoint, layerWith } from "../log/memory.js"
import { digestOf } from "../model/digest.js"
import { appendLeaf, type Edge, emptyEdge, leafHash } from "../proof/merkle.js"
import { firstRecord, newIdentity } from "./create.js"
import type { Tip } from "./tip.js"
import { type Claim, checkLog, printRoot } from "./trust.js"

const identity = newIdentity(timeAt(1))
const codec = makeCodec(catalog)

/** The first event and then metadata, so many events altogether. */
const logOf = (count: number): Array<Uint8Array> => {
  const recorder = new Recorder()
  const { id, chunking } = identity
  recorder.record({ type: "ledger-created", data: { ledger: id, chunking }, subjects: [] })
  const target = { artifact: { id: testId(1), name: "a" } }
  const logged = { type: "metadata-logged", data: { target, values: {} }, subjects: [] }
  while (recorder.events.length < count) recorder.record(logged)
  const later = recorder.events.slice(1).map(codec.encode)
  return [firstRecord(identity, timeAt(1)), ...later]
}

const edgeOf = (records: ReadonlyArray<Uint8Array>, size = records.length): Edge =>
  records.slice(0, size).reduce<Edge>((edge, body) => appendLeaf(edge, leafHash(body)), emptyEdge)

const check = (
  records: Array<Uint8Array>,
  tip?: Tip,
  failpoint: Failpoint = () => undefined,
  { generation, end }: Pick<Claim, "generation" | "end"> = {},
) =>
  Effect.provide(
    EventLog.use((log) =>
      checkLog({ log, codec, identity, tip, generation, end, directory: "/here" }),
    ),
    layerWith({ records, failpoint }),
  )

const passed = (records: Array<Uint8Array>, tip?: Tip) => Effect.runPromise(check(records, tip))

const refused = (records: Array<Uint8Array>, tip?: Tip) =>
  Effect.runPromise(Effect.flip(check(records, tip)))

const sealOf = (records: ReadonlyArray<Uint8Array>, size: number): Tip => ({
  ledger: identity.id,
  edge: edgeOf(records, size),
})

describe("a sound log", () => {
  it.each([1, 2, 7])("of %i events has the same root from every seal", async (count) => {
    const records = logOf(count)
    const wanted = { edge: edgeOf(records), lastTime: timeAt(count) }
    expect(await passed(records)).toEqual(wanted)
    for (let size = 0; size <= count; size += 1)
      expect(await passed(records, sealOf(records, size))).toEqual(wanted)
  })

  it("longer than a page is read to its end", async () => {
    const count = replayPageCount * 2 + 1
    const records = logOf(count)
    const { edge, lastTime } = await passed(records)
    expect([edge.size, lastTime]).toEqual([count, timeAt(count)])
    expect(printRoot(edge)).toBe(printRoot(edgeOf(records)))
  })

  it("costs what came after the seal, not what lies before it", async () => {
    const records = logOf(replayPageCount * 4)
    let reads = 0
    const counted = check(records, sealOf(records, records.length - 3), (operation, phase) => {
      if (operation === "read" && phase === "before") reads += 1
      return undefined
    })
    expect((await Effect.runPromise(counted)).edge.size).toBe(records.length)
    expect(reads).toBe(3)
  })

  it("has the root of RFC 6962", () => {
    const [body = new Uint8Array(0)] = logOf(1)
    expect(printRoot(edgeOf([body]))).toBe(digestOf(Buffer.from([0]), body))
  })
})

describe("a log that is refused", () => {
  it("is empty", async () => {
    expect(await refused([])).toMatchObject({ _tag: "RecordCorrupted", from: 1, to: 1 })
  })

  it("belongs to another ledger", async () => {
    const other = newIdentity(timeAt(1))
    expect(await refused([firstRecord(other, timeAt(1))])).toMatchObject({
      _tag: "WrongLedger",
      directory: "/here",
      expected: identity.id,
      found: other.id,
    })
  })

  it.each([
    ["chunking", { chunking: { ...identity.chunking, min: identity.chunking.min + 1 } }],
    ["gear", { chunking: { ...identity.chunking, gear: "daybook gear 3" } }],
    ["format", { format: 2 }],
  ])("was made with another %s than the identity says", async (_, other) => {
    const made = { ...identity, ...other }
    expect(await refused([firstRecord(made, timeAt(1))])).toMatchObject({
      _tag: "WrongLedger",
      directory: "/here",
      message: expect.stringContaining("ledger.json is not as the ledger was made"),
    })
  })

  it("begins with anything but its creation", async () => {
    const recorder = new Recorder()
    recorder.record({ type: "their/stranger", data: null, subjects: [] })
    const records = recorder.events.map(codec.encode)
    expect(await refused(records)).toMatchObject({
      _tag: "WrongLedger",
      found: "a their/stranger event",
    })
  })

  it("is shorter than its seal", async () => {
    const records = logOf(5)
    const tip = sealOf(records, 5)
    const lost = await refused(records.slice(0, 4), { ...tip, generation: 7 })
    expect(lost).toMatchObject({ _tag: "RecordCorrupted", from: 5, to: 5 })
  })

  it("ends before its files say that it does", async () => {
    const records = logOf(5)
    const of = (end: number) => check(records, sealOf(records, 2), undefined, { end })
    const lost = await Effect.runPromise(Effect.flip(of(7)))
    expect(lost).toMatchObject({ _tag: "RecordCorrupted", from: 6, to: 7 })
    expect((await Effect.runPromise(of(5))).edge.size).toBe(5)
  })

  it("is an older copy of what was sealed", async () => {
    const records = logOf(5)
    const tip = { ...sealOf(records, 5), generation: 7 }
    const of = (generation: number | undefined) =>
      Effect.runPromise(Effect.flip(check(records.slice(0, 4), tip, undefined, { generation })))
    const wrong = { _tag: "WrongLedger", expected: "5 events", found: "4 events" }
    expect(await of(6)).toMatchObject(wrong)
    expect(await of(7)).toMatchObject({ _tag: "RecordCorrupted" })
    expect(await of(undefined)).toMatchObject({ _tag: "RecordCorrupted" })
  })

  it("has other events than those that were sealed", async () => {
    const sound = logOf(12)
    const other = (position: number) => {
      const recorder = new Recorder()
      while (recorder.events.length < position)
        recorder.record({ type: "their/stranger", data: "other", subjects: [] })
      return recorder.events.map(codec.encode).at(-1) ?? new Uint8Array(0)
    }
    // The last subtree of 12 leaves covers the last 4, that of 11 the last one.
    for (const [size, position] of [
      [12, 12],
      [12, 9],
      [11, 11],
      [8, 2],
    ] as const)
      expect(
        await refused(sound.with(position - 1, other(position)), sealOf(sound, size)),
      ).toMatchObject({
        _tag: "WrongLedger",
        directory: "/here",
        message: expect.stringContaining(`up to ${size}`),
      })
    expect(await passed(sound, sealOf(sound, 12))).toMatchObject({ lastTime: timeAt(12) })
  })

  it("comes with the seal of another ledger", async () => {
    const records = logOf(3)
    const tip = { ...sealOf(records, 2), ledger: testId(9) }
    expect(await refused(records, tip)).toMatchObject({ _tag: "WrongLedger", found: testId(9) })
  })

  it("has a hole, unreadable bytes or a record out of its place", async () => {
    const sound = logOf(6)
    const damage = [new Uint8Array(0), Buffer.from("no record"), sound[3] ?? new Uint8Array(0)]
    for (const body of damage) {
      const records = sound.with(4, body)
      const wanted = { _tag: "RecordCorrupted", from: 5, to: 5 }
      expect(await refused(records)).toMatchObject(wanted)
      expect(await refused(records, sealOf(sound, 4))).toMatchObject(wanted)
      expect(await refused(records, sealOf(sound, 5))).toMatchObject(wanted)
    }
    const holed = [...sound]
    delete holed[4]
    expect(await refused(holed)).toMatchObject({ _tag: "RecordCorrupted", from: 5, to: 5 })
  })
})

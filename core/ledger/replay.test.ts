import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { LogFailure } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { Recorder } from "../event/recorder.contract.js"
import { replayPageCount } from "../limits.js"
import { EventLog } from "../log/event-log.js"
import * as MemoryLog from "../log/memory.js"
import { type AnyProjection, projection } from "../projection/projection.js"
import { beginBuild } from "../view/build.js"
import * as MemoryViews from "../view/memory.js"
import { ViewStore } from "../view/view-store.js"
import type { Views } from "../view/views.js"
import { Folding } from "./folding.js"
import { MemoryPlace } from "./places.contract.js"
import { catchUp } from "./replay.js"

const codec = makeCodec(catalog)

const recordsOf = (count: number): Array<Uint8Array> => {
  const recorder = new Recorder()
  const stranger = { type: "their/stranger", data: null, subjects: [] }
  while (recorder.events.length < count) recorder.record(stranger)
  return recorder.events.map(codec.encode)
}

type Seen = { readonly seen: ReadonlyArray<number> }

/** Keeps the positions that it saw; throws at one of them. */
const watching = (name: string, failsAt = 0) =>
  projection<Seen>()({
    name,
    revision: 1,
    past: false,
    on: {},
    onEvery: (rows, { position }) => {
      if (position === failsAt) throw new Error("cannot fold")
      const [first = position] = rows.get(["seen"]) ?? []
      rows.put(["seen"], [first, position])
    },
  })

const [one, two] = [watching("one"), watching("two")]

interface World {
  readonly records: Array<Uint8Array>
  readonly folding: Folding
  readonly onRead?: () => void
  readonly failsAtRead?: number
}

/** Catches fresh views up with the log as often as `use` says. */
const replaying = <A, E>(
  { records, folding, onRead = () => undefined, failsAtRead }: World,
  use: (views: Views, run: Effect.Effect<number, unknown>) => Effect.Effect<A, E>,
) => {
  let reads = 0
  const failpoint: MemoryLog.Failpoint = (operation, phase) => {
    if (operation !== "read" || phase === "after") return undefined
    onRead()
    reads += 1
    const words = { message: "the disk failed", operation, reason: "io", outcome: "none" } as const
    return reads === failsAtRead ? new LogFailure(words) : undefined
  }
  const stores = [MemoryLog.layerWith({ records, failpoint }), MemoryViews.layer] as const
  const specs: ReadonlyArray<AnyProjection> = [...folding.core, ...folding.own]
  const whole = Effect.gen(function* () {
    const views = yield* beginBuild(yield* ViewStore, specs)
    return yield* use(views, catchUp(yield* EventLog, folding, views))
  })
  return Effect.runPromise(whole.pipe(Effect.provide(stores[0]), Effect.provide(stores[1])))
}

const seenBy = (views: Views, of: typeof one) => views.at(views.head).view(of).get(["seen"])

describe("catching up", () => {
  it("folds every event once, page after page, and then has nothing left to do", async () => {
    const count = replayPageCount * 2 + 7
    let reads = 0
    const world = { records: recordsOf(count), folding: new Folding(codec, [one], [two]) }
    const onRead = () => {
      reads += 1
    }
    await replaying(
      { ...world, onRead },
      Effect.fnUntraced(function* (views, run) {
        expect([yield* run, views.head, reads]).toEqual([count, count, 3])
        expect([seenBy(views, one), seenBy(views, two)]).toEqual([
          [1, count],
          [1, count],
        ])
        expect([yield* run, reads]).toEqual([0, 3])
      }),
    )
  })

  it("gives each view only what it has not seen", async () => {
    const world = { records: recordsOf(9), folding: new Folding(codec, [one, two], []) }
    await replaying(
      world,
      Effect.fnUntraced(function* (views, run) {
        yield* views.commit(views.draft(), new Map([["one", 6]]))
        expect(yield* run).toBe(9)
        expect([seenBy(views, one), seenBy(views, two)]).toEqual([
          [7, 9],
          [1, 9],
        ])
      }),
    )
  })

  it("leaves a caller's view where its fold throws, and takes the others on", async () => {
    const mine = watching("mine", 4)
    const folding = new Folding(codec, [one], [mine])
    await replaying(
      { records: recordsOf(8), folding },
      Effect.fnUntraced(function* (views, run) {
        yield* run
        expect(views.states.get("mine")?.position).toBe(3)
        expect([seenBy(views, mine), seenBy(views, one)]).toEqual([
          [1, 3],
          [1, 8],
        ])
        expect(folding.stopped.get("mine")?.position).toBe(4)
      }),
    )
  })

  it("does not read on for views that have all stopped", async () => {
    const folding = new Folding(codec, [one], [watching("mine", 4)])
    let reads = 0
    const onRead = () => {
      reads += 1
    }
    await replaying(
      { records: recordsOf(replayPageCount * 3), folding, onRead },
      Effect.fnUntraced(function* (views, run) {
        yield* run
        expect([reads, views.states.get("mine")?.position]).toEqual([3, 3])
        folding.stopped.clear()
        // The next page was asked for before this one was folded.
        expect([yield* run, reads]).toEqual([0, 5])
      }),
    )
  })

  it("keeps the pages before a failure, and goes on behind them", async () => {
    const count = replayPageCount + 5
    const world = {
      records: recordsOf(count),
      folding: new Folding(codec, [one], []),
      failsAtRead: 2,
    }
    await replaying(
      world,
      Effect.fnUntraced(function* (views, run) {
        expect(yield* Effect.flip(run)).toMatchObject({ _tag: "LogFailure", reason: "io" })
        expect(seenBy(views, one)).toEqual([1, replayPageCount])
        expect(yield* run).toBe(5)
        expect(seenBy(views, one)).toEqual([1, count])
      }),
    )
  })

  it("names a record that cannot be read, and folds nothing of its page", async () => {
    const records = recordsOf(5).with(3, Buffer.from("noise"))
    await replaying(
      { records, folding: new Folding(codec, [one], []) },
      Effect.fnUntraced(function* (views, run) {
        const failure = yield* Effect.flip(run)
        expect(failure).toMatchObject({ _tag: "RecordCorrupted", from: 4, to: 4 })
        expect([views.head, seenBy(views, one)]).toEqual([0, undefined])
      }),
    )
  })
})

describe("views that have seen more than the log holds", () => {
  it("are built anew from what is there", async () => {
    const place = new MemoryPlace(0)
    await place.use((ledger) => Effect.andThen(ledger.save("a", 1), ledger.save("a", 2)))
    place.records.pop()
    place.tip = undefined
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        expect(ledger.position).toBe(2)
        expect(ledger.trust.repaired.join()).toContain("was built from the log")
        expect(yield* ledger.load("a")).toBe(1)
        expect(yield* ledger.save("a", 3)).toMatchObject({ position: 3, version: "2" })
        expect((yield* ledger.rebuild()).events).toBe(3)
        expect(yield* ledger.load("a@2")).toBe(3)
      }),
    )
  })
})

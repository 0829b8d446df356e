/**
 * Content between its put and its event: whatever is removed meanwhile, it is not, until the writer
 * has answered, also whom nobody waits for any more.
 */
import { join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { BlobStore, type BlobStoreShape } from "../blob/blob-store.js"
import { defaultChunking } from "../blob/chunk.js"
import * as Filesystem from "../blob/filesystem.js"
import * as MemoryBlobs from "../blob/memory.js"
import { noise } from "../blob/samples.contract.js"
import { EventLog } from "../log/event-log.js"
import * as MemoryLog from "../log/memory.js"
import { digestOf } from "../model/digest.js"
import * as MemoryViews from "../view/memory.js"
import type { LedgerApi } from "./api.js"
import { firstRecord, newIdentity } from "./create.js"
import { Ledger, layerNoDeps } from "./ledger.js"
import { temporary } from "./places.contract.js"

type Api = LedgerApi<"effect">

interface Parts {
  readonly ledger: Api
  readonly blobs: BlobStoreShape
  /** From now on appends wait: `waiting` until one does, `release` lets them go on. */
  readonly hold: Effect.Effect<{
    readonly release: Effect.Effect<unknown>
    readonly waiting: Effect.Effect<void>
  }>
}

const drivers = {
  memory: () => MemoryBlobs.layer,
  "file system": () => {
    const directory = join(temporary(), "blob")
    return Filesystem.layer({ directory, chunking: defaultChunking, durable: false })
  },
}

/** A ledger whose appends can be held, and its blobs. */
const use = async <E>(
  driver: keyof typeof drivers,
  run: (parts: Parts) => Effect.Effect<void, E>,
): Promise<void> => {
  const identity = newIdentity(0)
  const records = [firstRecord(identity, 0)]
  let gate: Effect.Effect<unknown> = Effect.void
  let end: Effect.Effect<unknown> = Effect.void
  const log = Layer.effect(
    EventLog,
    Effect.map(EventLog, (below) => ({
      ...below,
      append: (after: number, bodies: ReadonlyArray<Uint8Array>) =>
        Effect.andThen(
          Effect.suspend(() => gate),
          below.append(after, bodies),
        ),
    })),
  )
  const hold = Effect.gen(function* () {
    const [begun, over] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    gate = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(over))
    end = Deferred.succeed(over, undefined)
    return { release: end, waiting: Deferred.await(begun) }
  })
  const stores = Layer.mergeAll(
    Layer.provide(log, MemoryLog.layerWith({ records })),
    MemoryViews.layerWith({ rows: new Map() }),
    drivers[driver](),
  )
  const writeSeal = () => Effect.void
  const place = { identity, directory: "memory", tip: undefined, writeSeal }
  const program = Effect.gen(function* () {
    const parts = { ledger: yield* Ledger, blobs: yield* BlobStore, hold }
    // The ledger could not be closed, and the test not fail.
    yield* Effect.ensuring(
      run(parts),
      Effect.suspend(() => end),
    )
  })
  await Effect.runPromise(Effect.provide(program, Layer.provideMerge(layerNoDeps(place), stores)))
}

const [known, fresh, other] = [noise(90_000, 1), noise(80_000, 2), noise(70_000, 3)]
const digests = [known, fresh, other].map((content) => digestOf(content))

/** Calls that store all three contents. */
const calls: Readonly<Record<string, (ledger: Api) => Effect.Effect<unknown, unknown>>> = {
  saves: (ledger) =>
    Effect.all(
      [known, fresh, other].map((content, at) => ledger.save(`n${at}`, content)),
      {
        concurrency: "unbounded",
      },
    ),
  saveAll: (ledger) =>
    ledger.saveAll([known, fresh, other].map((value, at) => ({ name: `n${at}`, value }))),
  batch: (ledger) =>
    ledger.batch((b) => {
      for (const [at, content] of [known, fresh, other].entries()) b.save(`n${at}`, content)
      b.logMetadata({ artifact: "n0" }, { n: 1 })
    }),
}

const expectLoads = Effect.fnUntraced(function* (ledger: Api) {
  for (const [at, content] of [known, fresh, other].entries())
    expect(digestOf((yield* ledger.load(`n${at}`)) as Uint8Array)).toBe(digestOf(content))
})

const sweepTwice = (ledger: Api) =>
  Effect.all(
    [1, 2].map(() => ledger.sweep({ undoDays: 0 })),
    { concurrency: "unbounded" },
  )

const expectVerified = Effect.fnUntraced(function* (ledger: Api) {
  const verified = yield* ledger.verify({ depth: "blobs" })
  expect(verified).toMatchObject({ whole: true, findings: [] })
})

describe.each(["memory", "file system"] as const)("in %s, content of", (driver) => {
  it.each(Object.entries(calls))("%s that waits for its event is not removed", (_, call) =>
    use(
      driver,
      Effect.fnUntraced(function* ({ ledger, blobs, hold }) {
        yield* blobs.put(known)
        const { release, waiting } = yield* hold
        const fiber = yield* Effect.forkChild(call(ledger), { startImmediately: true })
        yield* waiting
        const answer = yield* blobs.remove(digests)
        expect({ ...answer, kept: new Set(answer.kept) }).toEqual({
          removed: 0,
          bytes: 0,
          kept: new Set(digests),
        })
        yield* release
        yield* Fiber.join(fiber)
        yield* expectLoads(ledger)
        // From now on its event alone says that it is needed.
        expect(yield* blobs.remove(digests)).toMatchObject({ removed: 3, kept: [] })
      }),
    ),
  )

  it.each(Object.entries(calls))("%s that nobody waits for any more is not either", (_, call) =>
    use(
      driver,
      Effect.fnUntraced(function* ({ ledger, blobs, hold }) {
        const { release, waiting } = yield* hold
        const fiber = yield* Effect.forkChild(call(ledger), { startImmediately: true })
        yield* waiting
        yield* Fiber.interrupt(fiber)
        expect((yield* blobs.remove(digests)).removed).toBe(0)
        yield* release
        // What comes later has waited for it.
        yield* ledger.defineTag("later")
        yield* expectLoads(ledger)
        expect(yield* blobs.remove(digests)).toMatchObject({ removed: 3, kept: [] })
      }),
    ),
  )

  it.each(Object.entries(calls))("%s that waits for its event is not swept by two", (_, call) =>
    use(
      driver,
      Effect.fnUntraced(function* ({ ledger, blobs, hold }) {
        yield* blobs.put(known)
        const orphan = yield* blobs.put(noise(60_000, 4))
        const { release, waiting } = yield* hold
        const fiber = yield* Effect.forkChild(call(ledger), { startImmediately: true })
        yield* waiting
        const sweeps = yield* sweepTwice(ledger)
        // Neither has anything to say in an event, so neither waits for those that are held up.
        expect(sweeps.map(({ blobs }) => blobs).toSorted()).toEqual([0, 1])
        expect(yield* blobs.stat(orphan.digest)).toBeUndefined()
        yield* release
        yield* Fiber.join(fiber)
        yield* expectVerified(ledger)
        yield* expectLoads(ledger)
      }),
    ),
  )

  it.each(Object.entries(calls))("%s is not swept with a version that had it before", (_, call) =>
    use(
      driver,
      Effect.fnUntraced(function* ({ ledger, blobs, hold }) {
        yield* ledger.save("old", known)
        yield* ledger.save("old", noise(60_000, 4))
        yield* ledger.delete({ artifact: "old" })
        const { release, waiting } = yield* hold
        const fiber = yield* Effect.forkChild(call(ledger), { startImmediately: true })
        yield* waiting
        const swept = yield* Effect.forkChild(sweepTwice(ledger), { startImmediately: true })
        // Until they want to say what goes, which waits behind the save.
        while ((yield* ledger.stats()).waiting === 0) yield* Effect.yieldNow
        yield* release
        yield* Fiber.join(fiber)
        const answers = yield* Fiber.join(swept)
        expect(answers.map(({ versions }) => versions).toSorted()).toEqual([0, 2])
        expect(yield* blobs.stat(digestOf(noise(60_000, 4)))).toBeUndefined()
        yield* expectVerified(ledger)
        yield* expectLoads(ledger)
      }),
    ),
  )

  it("a save that is refused is nobody's", () =>
    use(
      driver,
      Effect.fnUntraced(function* ({ ledger, blobs }) {
        yield* ledger.save("n", other)
        const reuse = { expect: { latest: null }, reuse: "content" } as const
        const refused = yield* Effect.flip(ledger.save("n", fresh, reuse))
        expect(refused).toMatchObject({ _tag: "ExpectationFailed" })
        expect(yield* blobs.stat(digestOf(fresh))).toBeDefined()
        expect(yield* blobs.remove([digestOf(fresh)])).toMatchObject({ removed: 1, kept: [] })
      }),
    ))

  it("a file that was stored while the next one is still read is not removed", () =>
    use(
      driver,
      Effect.fnUntraced(function* ({ ledger, blobs }) {
        let removal: Promise<unknown> | undefined
        const slow = async function* () {
          while ((await Effect.runPromise(blobs.stat(digestOf(known)))) === undefined)
            await new Promise(setImmediate)
          removal = Effect.runPromise(blobs.remove([digestOf(known)]))
          await removal
          yield other
        }
        const saved = { name: "slow", value: slow() }
        yield* ledger.saveAll([{ name: "n0", value: known }, saved])
        expect(yield* Effect.promise(() => Promise.resolve(removal))).toMatchObject({
          removed: 0,
          kept: [digestOf(known)],
        })
        expect(digestOf((yield* ledger.load("n0")) as Uint8Array)).toBe(digestOf(known))
      }),
    ))
})

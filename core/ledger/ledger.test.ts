/**
 * The assembly through the door of Effect: every operation once, failures as typed as refusals, and
 * views that are made anew under readers and writers.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { command } from "../command/command.js"
import {
  ArtifactMissing,
  InvalidInput,
  LedgerClosed,
  LogFailure,
  VersionExists,
} from "../errors.js"
import { projection } from "../projection/projection.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import type { LedgerApi } from "./api.js"
import { layoutOf } from "./layout.js"
import { type Asked, answers, rowsOf } from "./ledger.contract.js"
import { Ledger } from "./ledger.js"
import { layer } from "./local.js"
import { leftIn, MemoryPlace, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

type Api = LedgerApi<"effect">

const note = command<{ readonly on: string }>({
  name: "own/note",
  parse: (input) => input as { readonly on: string },
  decide: ({ on }) => ({ facts: [], result: on }),
})

const saves = projection<{ readonly saves: number }>()({
  name: "own/saves",
  revision: 1,
  on: { "version-saved": (rows) => rows.put(["saves"], (rows.get(["saves"]) ?? 0) + 1) },
})

const inDirectory = <A, E>(directory: string, body: (ledger: Api) => Effect.Effect<A, E>) =>
  Effect.runPromise(Effect.provide(Ledger.use(body), layer(directory)))

const inMemory = <A, E>(body: (ledger: Api) => Effect.Effect<A, E>): Promise<A> =>
  new MemoryPlace(0).use(body, { commands: [note], projections: [saves] })

describe("through the door of Effect", () => {
  it("every write gives what it gives through the other", () =>
    inMemory(
      Effect.fnUntraced(function* (ledger) {
        const first = yield* ledger.save("a", { n: 1 }, { tags: "t", metadata: { score: 1 } })
        const [second, other] = yield* ledger.saveAll([
          { name: "a", value: 2, inputs: [first.id] },
          { name: "b", value: 3 },
        ])
        expect([first.version, second?.version, other?.name]).toEqual(["1", "2", "b"])
        const gold = yield* ledger.defineTag("gold", { exclusive: true, color: "yellow" })
        expect(gold).toMatchObject({ name: "gold", exclusive: true, color: "yellow", position: 5 })
        expect(yield* ledger.tag("a@1", "gold")).toEqual({ position: 6, changed: true })
        expect(yield* ledger.untag("a@1", "t")).toEqual({ position: 7, changed: true })
        expect(yield* ledger.logMetadata("a@gold", { note: "x" })).toMatchObject({ position: 8 })
        expect(yield* ledger.removeMetadata("a@1", "score")).toMatchObject({ position: 9 })
        expect(yield* ledger.delete("b@1", { reason: "old" })).toMatchObject({ position: 10 })
        expect(yield* ledger.restore({ artifact: "b" })).toMatchObject({ changed: false })
        expect(yield* ledger.restore(other?.id ?? "")).toMatchObject({ position: 11 })
        const [batched] = yield* ledger.batch((b) => b.tag({ id: b.save("c", 4).id }, "t"))
        expect(batched).toMatchObject({ name: "c", tags: ["t"] })
        const noted = yield* ledger.execute(note, { on: "c" })
        expect(noted).toEqual({ position: 13, changed: false, result: "c" })
        expect(ledger.position).toBe(13)
        expect(yield* ledger.hold("a@2")).toEqual({ position: 14, changed: true })
        expect(yield* ledger.release("a@2")).toEqual({ position: 15, changed: true })
        const plan = yield* ledger.prune({ where: { name: "c" }, keepLast: 0, dryRun: true })
        expect(yield* ledger.prune(plan)).toEqual({ ...plan, done: true })
        expect(ledger.position).toBe(16)
      }),
    ))

  it("every read gives what it gives through the other", () =>
    inMemory(
      Effect.fnUntraced(function* (ledger) {
        const { id } = yield* ledger.save("a", "text", { tags: "t", metadata: { score: 1 } })
        yield* ledger.logMetadata(id, { score: 2 })
        const asked: Asked = {
          artifacts: ["a", "z"],
          selectors: ["1", "t"],
          tags: ["t", "u"],
          keys: ["score"],
          ids: [id],
        }
        const all = yield* answers(ledger, asked)
        expect(all).toMatchObject({
          'get "a"': { id, tags: ["t"], metadata: { score: 2 } },
          "artifact z": { refused: "ArtifactMissing", candidates: ["a"] },
          "series of score of a": [{ value: 2 }],
          [`load ${id}`]: "text",
        })
        expect(yield* answers(ledger.asOf(3), asked)).toEqual(all)
        expect(yield* ledger.view(saves).get(["saves"])).toBe(1)
        const path = join(temporary(), "a.zip")
        const { size } = yield* ledger.zip(id)
        expect(yield* ledger.download(id, path)).toEqual({ path, size })
        expect(existsSync(path)).toBe(true)
        expect(yield* ledger.stats()).toMatchObject({ versions: 1, position: 3 })
      }),
    ))

  it("refusals and failures are errors of the effect, told apart by their tags", () =>
    inMemory(
      Effect.fnUntraced(function* (ledger) {
        const found = yield* ledger.get("a").pipe(
          Effect.catchTag("ArtifactMissing", (missing) => Effect.succeed(missing)),
          Effect.map((answer) => answer instanceof ArtifactMissing),
        )
        expect(found).toBe(true)
        yield* ledger.save("a", 1, { version: "x" })
        const taken = yield* Effect.flip(ledger.save("a", 1, { version: "x" }))
        expect(taken).toBeInstanceOf(VersionExists)
        expect(taken).toMatchObject({ kind: "conflict", artifact: "a", version: "x" })
        expect(yield* Effect.flip(ledger.tag("a", ""))).toBeInstanceOf(InvalidInput)
        const replayed = yield* Effect.flip(Stream.runDrain(ledger.replay({ after: -1 })))
        expect(replayed).toBeInstanceOf(InvalidInput)
      }),
    ))

  it("both doors lead to one ledger", async () => {
    const directory = join(temporary(), "ledger")
    const byEffect = await inDirectory(directory, (ledger) => ledger.save("a", [1, 2]))
    const ledger = await openLedger(directory)
    expect(await ledger.get("a")).toEqual(byEffect)
    const byPromise = await ledger.save("a", [3])
    await ledger.close()
    await inDirectory(
      directory,
      Effect.fnUntraced(function* (again) {
        expect(yield* again.get("a")).toEqual(byPromise)
        expect(yield* again.load(byEffect)).toEqual([1, 2])
      }),
    )
  })
})

describe("a signal", () => {
  it("interrupts the effect that it was given to", () =>
    inMemory(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1)
        const exit = yield* Effect.exit(ledger.load("a", { signal: AbortSignal.abort() }))
        expect(Exit.isFailure(exit) && exit.cause.reasons.map(({ _tag }) => _tag)).toEqual([
          "Interrupt",
        ])
      }),
    ))
})

describe("closing", () => {
  it("says when what was written could not be sealed, and is done all the same", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1)
        place.fail.seal = new LogFailure({
          message: "the disk is full",
          operation: "seal",
          reason: "full",
          outcome: "none",
        })
        expect(yield* Effect.flip(ledger.close())).toBe(place.fail.seal)
        expect(yield* Effect.flip(ledger.get("a"))).toBeInstanceOf(LedgerClosed)
      }),
    )
    delete place.fail.seal
    await place.use((ledger) => Effect.map(ledger.load("a"), (value) => expect(value).toBe(1)))
  })

  it("with the scope, or before it: what comes later is refused", async () => {
    let kept: Api | undefined
    await inMemory(
      Effect.fnUntraced(function* (ledger) {
        kept = ledger
        yield* ledger.save("a", 1)
        const waiting = yield* Effect.forkChild(ledger.save("a", 2))
        yield* Effect.yieldNow
        yield* Effect.all([ledger.close(), ledger.close()], { concurrency: "unbounded" })
        const exit = yield* Effect.exit(Fiber.join(waiting))
        expect(Exit.isSuccess(exit) || String(exit.cause).includes("LedgerClosed")).toBe(true)
        expect(yield* Effect.flip(ledger.get("a"))).toBeInstanceOf(LedgerClosed)
      }),
    )
    const late = Effect.flip((kept as Api).save("a", 3))
    expect(await Effect.runPromise(late)).toBeInstanceOf(LedgerClosed)
  })
})

/** Versions of three artifacts, tagged, logged, deleted and restored. */
const live = Effect.fnUntraced(function* (ledger: Api, count: number) {
  yield* ledger.defineTag("only", { exclusive: true })
  for (let n = 1; n <= count; n += 1) {
    const { id } = yield* ledger.save(`a${n % 3}`, n, { tags: n % 2 === 0 ? "only" : "even" })
    yield* ledger.logMetadata(id, { n })
    if (n % 5 === 0) yield* ledger.delete(id, { force: true })
    if (n % 10 === 0) yield* ledger.restore(id)
  }
})

describe("the rows", () => {
  it("are those of a replay from nothing, live, reopened and made anew", async () => {
    const directory = join(temporary(), "ledger")
    const rowsIn = () => {
      const views = LevelViews.layer({ directory: layoutOf(directory).view })
      return Effect.runPromise(Effect.provide(rowsOf, views))
    }
    await inDirectory(directory, (ledger) => live(ledger, 30))
    const kept = await rowsIn()
    const anew = new MemoryPlace({ ...(await leftIn(directory)), blobs: new MemoryPlace(0).blobs })
    await anew.use(() => Effect.void)
    const views = MemoryViews.layerWith({ rows: anew.rows })
    expect(await Effect.runPromise(Effect.provide(rowsOf, views))).toEqual(kept)
    const events = anew.records.length
    expect(await inDirectory(directory, (ledger) => ledger.rebuild())).toEqual({ events })
    expect(await rowsIn()).toEqual(kept)
  })

  it("are made anew while others read and write, who notice nothing", async () => {
    await inDirectory(
      join(temporary(), "ledger"),
      Effect.fnUntraced(function* (ledger) {
        yield* live(ledger, 40)
        const before = yield* ledger.versions().pipe(Stream.runCollect)
        const then = ledger.position
        let [reads, rebuilt] = [0, false]
        const read = Effect.gen(function* () {
          while (!rebuilt) {
            const found = yield* ledger.asOf(then).versions({ limit: 7 }).pipe(Stream.runCollect)
            expect(found).toEqual(before)
            expect((yield* ledger.asOf(then).get("a1@only")).tags).toContain("only")
            reads += 1
          }
        })
        const rebuild = Effect.andThen(
          Effect.forEach([1, 2, 3], () => ledger.rebuild()),
          Effect.sync(() => {
            rebuilt = true
          }),
        )
        const write = Effect.forEach([1, 2, 3, 4, 5], (n) => ledger.save("b", n))
        yield* Effect.all([read, rebuild, write], { concurrency: "unbounded" })
        expect(reads).toBeGreaterThan(1)
        expect((yield* ledger.get("b")).version).toBe("5")
        expect(ledger.position).toBe(then + 5)
      }),
    )
  })
})

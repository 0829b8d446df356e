/**
 * Sweeping: what nothing needs goes, and nothing else; who wanted it back hears when and why it
 * went.
 */
import { readdirSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { noise } from "../blob/samples.contract.js"
import { type DaybookError, LogFailure } from "../errors.js"
import type { ArtifactVersion } from "../model/artifact.js"
import type { LedgerApi } from "./api.js"
import { type Files, folder } from "./folder.contract.js"
import { layoutOf } from "./layout.js"
import { Ledger, type LedgerOptions } from "./ledger.js"
import { layer } from "./local.js"
import { MemoryPlace, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

type Api = LedgerApi<"effect">

const day = 86_400_000
const options: LedgerOptions = { materializers: [folder] }

/** Runs a story on a new ledger of each kind, with a clock that stands still. */
const everywhere = (title: string, story: (ledger: Api) => Effect.Effect<unknown, unknown>) =>
  it.each([
    ["in memory", () => new MemoryPlace(0).layer(options)],
    ["in a directory", () => layer({ ...options, directory: temporary() })],
  ])(`${title}, %s`, async (_, place) => {
    expect.hasAssertions()
    const run = Effect.provide(Ledger.use(story), place())
    await Effect.runPromise(Effect.provide(run, TestClock.layer()))
  })

/** More files than fit an event: they are named by manifests, one for each folder. */
const tree = (name: string): Files =>
  Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`d${at % 3}/f${at}`, `${name} ${at}`]))

const refused = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<E, A> => Effect.flip(call)

describe("what was deleted", () => {
  everywhere("can be restored for a week, and then goes", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.save("a", "one")
      yield* ledger.save("a", "two")
      yield* TestClock.adjust(day)
      yield* ledger.delete("a@1")
      yield* TestClock.adjust(7 * day)
      const { position } = ledger
      expect(yield* ledger.sweep()).toEqual({
        dryRun: false,
        position,
        versions: 0,
        waiting: 1,
        blobs: 0,
        bytes: 0,
      })
      yield* ledger.restore("a@1")
      expect(yield* ledger.load("a@1")).toBe("one")
      yield* ledger.delete("a@1")
      yield* TestClock.adjust(7 * day + 1)
      expect(yield* ledger.sweep()).toMatchObject({ versions: 1, waiting: 0, blobs: 1 })
      expect(yield* ledger.load("a@2")).toBe("two")
    }),
  )

  everywhere("is refused afterwards with when, by whom and why it went", (ledger) =>
    Effect.gen(function* () {
      const { id, digest } = yield* ledger.save("a", "one")
      yield* ledger.save("a", "two")
      const before = ledger.position
      yield* ledger.delete("a@1")
      yield* ledger.with({ actor: "ann" }).sweep({ undoDays: 0, reason: "room" })
      const gone = {
        _tag: "ContentGone",
        kind: "missing",
        position: before + 2,
        time: 0,
        actor: "ann",
        reason: "room",
      }
      expect(yield* refused(ledger.restore("a@1"))).toMatchObject({ ...gone, digest })
      const past = ledger.asOf(before)
      for (const read of [
        past.load("a@1"),
        past.zip(["a@1", "a@2"]),
        past.download("a@1", `${temporary()}/a.zip`),
        Stream.runDrain(past.open("a@1")),
      ])
        expect(yield* Effect.flip<unknown, DaybookError, never>(read)).toMatchObject(gone)
      expect(yield* past.load("a@2")).toBe("two")
      const events = yield* Stream.runCollect(ledger.history(id))
      expect(events.map(({ type }) => type)).toEqual([
        "version-saved",
        "version-deleted",
        "content-swept",
      ])
    }),
  )

  everywhere("with its artifact goes with it, and the artifact cannot be restored", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.save("a", tree("x"), { materializer: folder })
      yield* ledger.save("b", "stays")
      yield* ledger.delete({ artifact: "a" })
      // 40 files, 3 folders and the root.
      expect(yield* ledger.sweep({ undoDays: 0 })).toMatchObject({ versions: 1, blobs: 44 })
      expect(yield* refused(ledger.restore({ artifact: "a" }))).toMatchObject({
        _tag: "ContentGone",
        message: expect.stringContaining("version 1 of a"),
      })
      expect(yield* ledger.sweep({ undoDays: 0 })).toMatchObject({ versions: 0, blobs: 0 })
      expect(yield* ledger.load("b")).toBe("stays")
    }),
  )

  everywhere("stays as far as others have it, and can be restored where they have all", (ledger) =>
    Effect.gen(function* () {
      const files = tree("x")
      yield* ledger.save("a", files, { materializer: folder })
      yield* ledger.save("b", { ...files, "d0/f0": "other" }, { materializer: folder })
      yield* ledger.save("c", "text")
      yield* ledger.save("d", "text")
      yield* ledger.delete({ artifact: "a" })
      yield* ledger.delete({ artifact: "d" })
      // Of the tree: the file that the other has not, its folder and the root.
      expect(yield* ledger.sweep({ undoDays: 0 })).toMatchObject({ versions: 1, blobs: 3 })
      expect(yield* ledger.load("b", { as: folder })).toEqual({ ...files, "d0/f0": "other" })
      yield* ledger.restore({ artifact: "d" })
      expect(yield* ledger.load("d")).toBe("text")
    }),
  )

  everywhere("may be saved anew, which brings nothing back", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.save("a", "one")
      yield* ledger.save("a", "two")
      yield* ledger.delete("a@1")
      yield* ledger.sweep({ undoDays: 0 })
      expect((yield* ledger.save("a", "one")).version).toBe("3")
      expect(yield* ledger.load("a@3")).toBe("one")
      expect(yield* refused(ledger.restore("a@1"))).toMatchObject({ _tag: "ContentGone" })
      expect(yield* ledger.sweep({ undoDays: 0 })).toMatchObject({ blobs: 0 })
    }),
  )
})

describe("a sweep", () => {
  everywhere("says on a dry run what it would do, and does nothing", (ledger) =>
    Effect.gen(function* () {
      const text = "x".repeat(100_000)
      for (let at = 0; at < 70; at += 1) yield* ledger.save("a", `${at} ${text}`)
      yield* ledger.save("b", text)
      for (let at = 1; at <= 69; at += 1) yield* ledger.delete(`a@${at}`)
      const { position } = ledger
      const dry = yield* ledger.sweep({ dryRun: true, undoDays: 0 })
      expect(dry).toMatchObject({ dryRun: true, position, versions: 69, blobs: 69 })
      expect(dry.bytes).toBeGreaterThan(0)
      expect(ledger.position).toBe(position)
      const done = yield* ledger.sweep({ undoDays: 0 })
      // Two events: one of 64 versions, and one of the rest.
      const said = { ...dry, dryRun: false, position: position + 2, bytes: done.bytes }
      expect(done).toEqual(said)
      expect(yield* ledger.load("a@70")).toBe(`69 ${text}`)
    }),
  )

  everywhere("goes on beside saves of the same content, and beside another", (ledger) =>
    Effect.gen(function* () {
      const texts = Array.from({ length: 30 }, (_, at) => `text ${at}`)
      for (const text of texts) yield* ledger.save("old", text)
      yield* ledger.delete({ artifact: "old" })
      const saved: Array<ArtifactVersion> = []
      const saves = Effect.forEach(
        [...texts, ...texts],
        (text) => Effect.tap(ledger.save("new", text), (one) => Effect.sync(() => saved.push(one))),
        { concurrency: 7 },
      )
      const sweep = ledger.sweep({ undoDays: 0 })
      yield* Effect.all([sweep, saves, sweep], { concurrency: "unbounded" })
      expect(saved).toHaveLength(60)
      const loaded = yield* Effect.forEach(saved, (version) => ledger.load(version))
      expect(loaded.sort()).toEqual([...texts, ...texts].sort())
    }),
  )

  it("takes what a save left that was never acknowledged", async () => {
    const place = new MemoryPlace(0)
    await place.use((ledger) =>
      Effect.gen(function* () {
        yield* ledger.save("a", "stays")
        place.fail.log = (operation, phase) =>
          operation === "append" && phase === "before"
            ? new LogFailure({ message: "no", operation, reason: "io", outcome: "none" })
            : undefined
        yield* refused(ledger.save("a", "goes"))
        delete place.fail.log
      }),
    )
    expect(place.blobs.recipes.size).toBe(2)
    await place.use((ledger) =>
      Effect.gen(function* () {
        const { position } = ledger
        expect(yield* ledger.sweep()).toMatchObject({ position, versions: 0, blobs: 1 })
        expect(yield* ledger.load("a")).toBe("stays")
      }),
    )
    expect(place.blobs.recipes.size).toBe(1)
  })

  it("gives back what a save left that broke off, though nothing else goes", async () => {
    const directory = temporary()
    const packs = () => readdirSync(layoutOf(directory).packs)
    const ledger = await openLedger(directory)
    await ledger.save("whole", noise(100_000, 1))
    const broken = async function* () {
      yield noise(7_000_000, 2)
      await Promise.reject(new Error("broken off"))
    }
    await expect(ledger.save("broken", broken())).rejects.toMatchObject({ _tag: "FileFailure" })
    const { blobs, bytes } = await ledger.sweep()
    expect(blobs).toBe(0)
    expect(bytes).toBeGreaterThan(2_000_000)
    // Where nothing goes at all, everything goes on as it was.
    const before = packs()
    expect(await ledger.sweep()).toMatchObject({ blobs: 0, bytes: 0 })
    await ledger.save("next", noise(10_000, 3))
    expect(packs()).toEqual(before)
    expect(await ledger.load("whole")).toEqual(noise(100_000, 1))
    await ledger.close()
  })

  it("removes afterwards what it gave up, when it was cut short in between", async () => {
    const place = new MemoryPlace(0)
    await place.use((ledger) =>
      Effect.gen(function* () {
        yield* ledger.save("a", "goes")
        yield* ledger.delete("a@1")
        place.fail.blob = (operation, phase) => {
          if (operation !== "remove" || phase !== "before") return undefined
          throw new Error("the process ends here")
        }
        yield* Effect.exit(ledger.sweep({ undoDays: 0 }))
        delete place.fail.blob
      }),
    )
    expect(place.blobs.recipes.size).toBe(1)
    await place.use((ledger) =>
      Effect.gen(function* () {
        expect(yield* refused(ledger.restore("a@1"))).toMatchObject({ _tag: "ContentGone" })
        expect(yield* ledger.sweep()).toMatchObject({ versions: 0, blobs: 1 })
      }),
    )
    expect(place.blobs.recipes.size).toBe(0)
  })

  it("takes nothing where it cannot tell what a version needs", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      (ledger) =>
        Effect.gen(function* () {
          const { digest } = yield* ledger.save("a", tree("x"), { materializer: folder })
          yield* ledger.save("b", "goes")
          yield* ledger.delete("b@1")
          place.blobs.recipes.delete(digest)
          const failure = yield* refused(ledger.sweep({ undoDays: 0 }))
          expect(failure).toMatchObject({ _tag: "BlobCorrupted", artifact: "a", version: "1" })
          expect(yield* ledger.restore("b@1")).toMatchObject({ changed: true })
          expect(yield* ledger.load("b")).toBe("goes")
        }),
      options,
    )
  })

  it("only looks where the ledger is only read", async () => {
    const directory = temporary()
    const writer = await openLedger(directory)
    await writer.save("a", "one")
    await writer.delete("a@1")
    await writer.close()
    const reader = await openLedger({ directory, readOnly: true })
    await expect(reader.sweep({ undoDays: 0 })).rejects.toMatchObject({ _tag: "LedgerReadOnly" })
    expect(await reader.sweep({ undoDays: 0, dryRun: true })).toMatchObject({ versions: 1 })
    await reader.close()
  })

  it("is seen by who only reads when he refreshes, and he is told to", async () => {
    const directory = temporary()
    const writer = await openLedger(directory)
    await writer.save("a", "one")
    await writer.save("a", "two")
    const reader = await openLedger({ directory, readOnly: true })
    await writer.delete("a@1")
    await writer.sweep({ undoDays: 0 })
    await expect(reader.load("a@1")).rejects.toMatchObject({
      _tag: "BlobCorrupted",
      message: expect.stringContaining("refresh() first"),
    })
    const { position } = reader
    await reader.refresh()
    await expect(reader.asOf(position).load("a@1")).rejects.toMatchObject({ _tag: "ContentGone" })
    expect(await reader.load("a@2")).toBe("two")
    await reader.close()
    await writer.close()
  })

  it("is refused for options that it does not understand, and without an actor", async () => {
    const ledger = await openLedger({ memory: true, requireContext: ["actor"] })
    const known = ledger.with({ actor: "ann" })
    for (const undoDays of [-1, Number.NaN, "7", 36_526, null])
      await expect(known.sweep({ undoDays } as object)).rejects.toMatchObject({
        path: "options.undoDays",
      })
    await expect(ledger.sweep({ undoDays: 0 })).rejects.toMatchObject({ path: "context.actor" })
    await expect(known.sweep({ keep: 3 } as object)).rejects.toMatchObject({
      _tag: "InvalidInput",
    })
    await ledger.close()
  })
})

interface Act {
  readonly kind: "save" | "delete" | "restore" | "sweep"
  readonly of: number
  readonly text: number
}

const acts: fc.Arbitrary<ReadonlyArray<Act>> = fc.array(
  fc.record({
    kind: fc.constantFrom("save", "save", "save", "delete", "delete", "restore", "sweep"),
    of: fc.nat({ max: 5 }),
    text: fc.nat({ max: 4 }),
  }),
  { maxLength: 25 },
)

/** What a naive ledger would have: versions with their text, deleted and swept or not. */
interface Modelled {
  readonly id: string
  readonly text: string
  deleted: boolean
  swept: boolean
}

const sweepModel = (versions: ReadonlyArray<Modelled>): Set<string> => {
  const needed = new Set(versions.flatMap(({ deleted, text }) => (deleted ? [] : [text])))
  for (const version of versions)
    if (version.deleted && !needed.has(version.text)) version.swept = true
  return needed
}

describe("any sequence of saves, deletions, restorations and sweeps", () => {
  const run = Effect.fnUntraced(function* (
    place: MemoryPlace,
    ledger: Api,
    all: ReadonlyArray<Act>,
  ) {
    const versions: Array<Modelled> = []
    for (const { kind, of, text } of all) {
      const version = versions[of % Math.max(1, versions.length)]
      if (kind === "save") {
        const { id } = yield* ledger.save(`a${of % 2}`, `text ${text}`)
        versions.push({ id, text: `text ${text}`, deleted: false, swept: false })
      } else if (kind === "sweep") {
        yield* ledger.sweep({ undoDays: 0 })
        expect(place.blobs.recipes.size).toBe(sweepModel(versions).size)
      } else if (version !== undefined && kind === "delete" && !version.deleted) {
        yield* ledger.delete(version.id)
        version.deleted = true
      } else if (version !== undefined && kind === "restore") {
        const error = yield* Effect.catch(
          Effect.as(ledger.restore(version.id), undefined),
          (failure) => Effect.succeed(failure),
        )
        expect(error?._tag).toBe(version.swept ? "ContentGone" : undefined)
        if (!version.swept) version.deleted = false
      }
    }
    for (const { id, text, deleted } of versions)
      if (!deleted) expect(yield* ledger.load(id)).toBe(text)
  })

  it("keeps what a naive ledger keeps", () =>
    fc.assert(
      fc.asyncProperty(acts, async (all) => {
        const place = new MemoryPlace(0)
        await place.use((ledger) => run(place, ledger, all))
      }),
      { numRuns: 150 },
    ))
})

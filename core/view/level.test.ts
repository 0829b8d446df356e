/**
 * The view store on LevelDB: the laws of the port, and the risks of the technology by their names.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import promises from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Level } from "level"
import { describe, expect, it, vi } from "vitest"
import { ViewFailure } from "../errors.js"
import { layer } from "./level.js"
import { viewStoreContract } from "./view-store.contract.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-view-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
)

viewStoreContract(
  "LevelDB",
  Effect.map(temporaryDirectory, (directory) => layer({ directory })),
)

type Use<A> = (store: ViewStoreShape, directory: string) => Effect.Effect<A, unknown>

const open = <A>(directory: string, use: Use<A>) =>
  Effect.scoped(
    Effect.provide(
      Effect.flatMap(ViewStore, (store) => use(store, directory)),
      layer({ directory }),
    ),
  )

const run = <A>(...uses: ReadonlyArray<Use<A>>) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(temporaryDirectory, (directory) =>
        Effect.forEach(uses, (use) => open(directory, use)),
      ),
    ),
  )

const all = { gte: "", lt: "\u{10ffff}", reverse: false, countMax: Number.POSITIVE_INFINITY }

const rows = (count: number, value: number) =>
  Array.from({ length: count }, (_, index) => ({
    key: `row${String(index).padStart(6, "0")}`,
    value: Uint8Array.of(value),
  }))

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe("LevelDB", () => {
  it("refuses a second opener, and the first goes on", () =>
    run((store, directory) =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(open(directory, () => Effect.void))
        expect(refused).toBeInstanceOf(ViewFailure)
        expect(refused).toMatchObject({ operation: "open", outcome: "none" })
        yield* store.commit(rows(1, 1))
        expect(store.get("row000000")?.[0]).toBe(1)
      }),
    ))

  it("names a place that cannot be a directory", () =>
    run((_, directory) =>
      Effect.gen(function* () {
        const file = join(directory, "file")
        writeFileSync(file, "in the way")
        const refused = yield* Effect.flip(open(join(file, "view"), () => Effect.void))
        expect(refused).toMatchObject({ _tag: "ViewFailure", operation: "open", reason: "missing" })
      }),
    ))

  it("answers getSync during a pending batch: the batch is there whole or not at all", () =>
    run((store) =>
      Effect.promise(async () => {
        await Effect.runPromise(store.commit(rows(4_000, 0)))
        for (let round = 1; round <= 5; round += 1) {
          let pending = true
          const commit = Effect.runPromise(store.commit(rows(4_000, round))).then(() => {
            pending = false
          })
          while (pending) {
            // The last row of the batch is read first: what it shows, the first must show after it.
            const last = store.get("row003999")?.[0] ?? -1
            const first = store.get("row000000")?.[0] ?? -1
            expect([round - 1, round]).toContain(last)
            expect(first).toBeGreaterThanOrEqual(last)
            await nextTurn()
          }
          await commit
          expect(store.get("row000000")?.[0]).toBe(round)
          expect(store.get("row003999")?.[0]).toBe(round)
        }
      }),
    ))

  it("closes the iterators and snapshots of scans that were interrupted", () =>
    run(
      (store) =>
        Effect.gen(function* () {
          yield* store.commit(rows(4_000, 1))
          for (let round = 0; round < 10; round += 1) {
            const scan = yield* Effect.forkChild(store.scan(round % 2 === 0 ? [all] : [all, all]), {
              startImmediately: true,
            })
            yield* Fiber.interrupt(scan)
          }
          // The scope closes the database now, while the reads are still under way.
        }),
      (store) =>
        Effect.map(store.scan([all]), ([found = []]) => {
          expect(found.length).toBe(4_000)
        }),
    ))

  it("says that the disk is full, which LevelDB does in words only", () =>
    run((store, directory) =>
      Effect.promise(async () => {
        const disk = await promises.statfs(directory)
        const asked = vi.spyOn(promises, "statfs").mockResolvedValue({ ...disk, bavail: 0 })
        syncBuiltinESMExports()
        for (const [write, name] of [
          [store.commit(rows(1, 1)), "batch"],
          [store.clear(all), "clear"],
        ] as const) {
          vi.spyOn(Level.prototype, name).mockRejectedValueOnce(new Error("IO error"))
          const failure = await Effect.runPromise(Effect.flip(write))
          expect(failure).toMatchObject({ reason: "full", outcome: "unknown" })
        }
        expect(asked).toHaveBeenCalledWith(directory)
        vi.restoreAllMocks()
        syncBuiltinESMExports()
      }),
    ))

  it("fails as a view failure once it is closed", async () => {
    const [store] = await run((opened) => Effect.succeed(opened))
    if (store === undefined) throw new Error("the store was not opened")
    expect(() => store.get("a")).toThrow(ViewFailure)
    const failures = await Effect.runPromise(
      Effect.all([
        Effect.flip(store.scan([all])),
        Effect.flip(store.scan([all, all])),
        Effect.flip(store.commit(rows(1, 1))),
        Effect.flip(store.clear(all)),
      ]),
    )
    for (const failure of failures) expect(failure).toBeInstanceOf(ViewFailure)
    expect(failures.map(({ outcome }) => outcome)).toEqual(["none", "none", "unknown", "unknown"])
  })
})

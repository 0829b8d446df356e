/**
 * The view store on LevelDB: the laws of the port, and the risks of the technology by their names.
 */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Level } from "level"
import { afterEach, describe, expect, it, vi } from "vitest"
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

const largestTable = (directory: string): string => {
  const paths = readdirSync(directory)
    .filter((name) => name.endsWith(".ldb"))
    .map((name) => join(directory, name))
  return paths.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? ""
}

const flip = (path: string, at: number): void => {
  const byte = readFileSync(path)[at] ?? 0
  const descriptor = openSync(path, "r+")
  writeSync(descriptor, Buffer.of(byte ^ 1), 0, 1, at)
  closeSync(descriptor)
}

afterEach(() => vi.restoreAllMocks())

describe("damage", () => {
  const filled =
    (count: number): Use<void> =>
    (store) =>
      store.commit(rows(count, 1))
  const nothing: Use<void> = () => Effect.void
  const places = (directory: string) => {
    const view = join(directory, "view")
    return { directory: view, aside: join(directory, "aside") }
  }
  const openIn = <A>(root: string, use: Use<A>) =>
    Effect.scoped(
      Effect.provide(
        Effect.flatMap(ViewStore, (store) => use(store, root)),
        layer(places(root)),
      ),
    )
  const inRoot = <A>(use: (root: string) => Effect.Effect<A, unknown>) =>
    Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryDirectory, use)))

  it("of any file is found by opening, which puts it all aside and begins anew", () =>
    inRoot(
      Effect.fnUntraced(function* (root) {
        const { directory, aside } = places(root)
        yield* openIn(root, filled(4_000))
        yield* openIn(root, nothing)
        const path = largestTable(directory)
        flip(path, Math.floor(statSync(path).size / 2))
        const before = readdirSync(directory)
        yield* openIn(root, (store) =>
          Effect.sync(() => {
            expect(store.beganAnew).toBe(true)
            expect(store.isDamaged()).toBe(false)
            expect(store.get("row000000")).toBeUndefined()
          }),
        )
        expect(readdirSync(aside)).toEqual(before)
      }),
    ))

  it("of what another has open is left to it", () =>
    inRoot(
      Effect.fnUntraced(function* (root) {
        const { directory, aside } = places(root)
        yield* openIn(
          root,
          Effect.fnUntraced(function* (store) {
            yield* store.commit(rows(3, 1))
            rmSync(join(directory, "CURRENT"))
            const refused = yield* Effect.flip(openIn(root, nothing))
            expect(refused).toMatchObject({ _tag: "ViewFailure", reason: "conflict" })
            expect(store.get("row000001")?.[0]).toBe(1)
          }),
        )
        expect(existsSync(aside)).toBe(false)
      }),
    ))

  it("without a place to put it is a failure that says so, and nothing is touched", () =>
    inRoot(
      Effect.fnUntraced(function* (root) {
        const { directory } = places(root)
        yield* openIn(root, filled(4_000))
        yield* openIn(root, nothing)
        flip(largestTable(directory), 1_000)
        const before = readdirSync(directory)
        const refused = yield* Effect.flip(open(directory, nothing))
        expect(refused).toMatchObject({ _tag: "ViewFailure", reason: "damaged", operation: "open" })
        expect(readdirSync(directory)).toEqual(before)
      }),
    ))

  it("found while it is open refuses every read until all is begun anew", () =>
    inRoot(
      Effect.fnUntraced(function* (root) {
        const { aside } = places(root)
        yield* openIn(root, filled(4_000))
        yield* openIn(
          root,
          Effect.fnUntraced(function* (store) {
            vi.spyOn(Level.prototype, "getSync").mockImplementationOnce(() => {
              throw Object.assign(new Error("of a block"), { code: "LEVEL_CORRUPTION" })
            })
            expect(() => store.get("row000001")).toThrow("a table is damaged")
            expect(store.isDamaged()).toBe(true)
            expect(() => store.get("row000002")).toThrow("call rebuild()")
            const damaged = { reason: "damaged" }
            expect(yield* Effect.flip(store.scan([all]))).toMatchObject(damaged)
            expect(yield* Effect.flip(store.clear(all))).toMatchObject(damaged)
            // What was decided before is still stored: the log has it.
            yield* store.commit(rows(1, 2))
            yield* store.renew
            expect(store.isDamaged()).toBe(false)
            expect(store.get("row000002")).toBeUndefined()
            yield* store.commit(rows(2, 3))
            yield* store.renew
            expect(yield* store.scan([all])).toEqual([[]])
            yield* store.commit(rows(3, 4))
          }),
        )
        expect(readdirSync(`${aside}-1`)).toContain("damaged")
        expect(readdirSync(root)).not.toContain("aside-2")
        yield* openIn(root, (store) =>
          Effect.sync(() => {
            expect(store.beganAnew).toBe(false)
            expect(store.get("row000002")?.[0]).toBe(4)
          }),
        )
      }),
    ))
})

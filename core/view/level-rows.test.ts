/**
 * Rows that vanish from a LevelDB whose files are whole: noticed before anything is answered where
 * another program had it open, or where they are few; else beside everything that goes on.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Level } from "level"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { signWell } from "../disk/level-samples.contract.js"
import type { Plain } from "../model/msgpack.js"
import { beginBuild, openViews, switchOver } from "./build.js"
import { layer } from "./level.js"
import { encodeRow } from "./row.js"
import { RowTally } from "./row-tally.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"

interface Tables {
  readonly [table: string]: Plain
  readonly name: number
}
const view = { name: "birds", revision: 1 }
// More than are gone through before anything else.
const many = 7_000

let root = ""
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "daybook-rows-"))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

const directory = (): string => join(root, "view")
const aside = (): string => join(root, "aside")

const openedIn = <A>(use: (store: ViewStoreShape) => Effect.Effect<A, unknown>, at = directory()) =>
  Effect.runPromise(
    Effect.flatMap(ViewStore, use).pipe(
      Effect.provide(Layer.fresh(layer({ directory: at, aside: aside() }))),
      Effect.scoped,
    ),
  )

const put = Effect.fnUntraced(function* (store: ViewStoreShape, position: number, count: number) {
  const { views, stale } = yield* openViews(store, [view])
  if (stale.length > 0) yield* switchOver(views, yield* beginBuild(store, stale))
  const draft = views.draft()
  const table = draft.rows<Tables>(view, position)
  for (let n = 0; n < count; n += 1) table.put(["name", n], n + position)
  yield* views.commit(draft, new Map([[view.name, position]]))
})

/** What another program does to the rows: their files are whole afterwards. */
const spoil = async (act: (rows: Level<string, Uint8Array>, keys: Array<string>) => unknown) => {
  const rows = new Level<string, Uint8Array>(directory(), { valueEncoding: "view" })
  await rows.open()
  await act(rows, await rows.keys({ gte: "n", lt: "o" }).all())
  await rows.close()
}

const spoils = {
  deleted: () => spoil((rows, keys) => rows.del(keys[40] ?? "")),
  overwritten: () =>
    spoil(async (rows, keys) => {
      const key = keys[40] ?? ""
      await rows.put(key, encodeRow(key, [1, 0, 7_777]))
    }),
  added: () =>
    spoil(async (rows, keys) => {
      const key = `${keys[40]}x\u0000`
      await rows.put(key, encodeRow(key, [1, 0, 7_777]))
    }),
}

describe.each(["deleted", "overwritten", "added"] as const)("a row that was %s", (what) => {
  it.each([
    ["few", 100],
    ["many", many],
  ])("by another program is noticed before anything is answered, among %s", async (_, count) => {
    await openedIn((store) => put(store, 1, count))
    await spoils[what]()
    await openedIn((store) =>
      Effect.sync(() => {
        expect(store.beganAnew).toBe(true)
        expect(store.isDamaged()).toBe(false)
      }),
    )
    // What LevelDB itself had made of the files by then: all rows are in it.
    expect(readdirSync(aside())).toContain("CURRENT")
  })

  it("and nobody knows by whom is noticed before anything is answered, among few", async () => {
    await openedIn((store) => put(store, 1, 100))
    await spoils[what]()
    signWell(directory())
    expect(await openedIn((store) => Effect.succeed(store.beganAnew))).toBe(true)
  })

  it("and nobody knows by whom is noticed in the end, among many", async () => {
    await openedIn((store) => put(store, 1, many))
    await spoils[what]()
    signWell(directory())
    await openedIn((store) =>
      Effect.gen(function* () {
        expect(store.beganAnew).toBe(false)
        yield* Effect.promise(() => vi.waitFor(() => expect(store.isDamaged()).toBe(true), 20_000))
        expect(() => store.get("anything")).toThrow(/the views are damaged \(birds has .*rows/)
        const failed = yield* Effect.flip(
          store.scan([{ gte: "n", lt: "o", reverse: false, countMax: 3 }]),
        )
        expect(failed).toMatchObject({ reason: "damaged" })
      }),
    )
    expect(readFileSync(join(directory(), "damaged"), "utf8")).toMatch(/^birds has /)
    expect(await openedIn((store) => Effect.succeed(store.beganAnew))).toBe(true)
  })
})

describe("rows that are whole", () => {
  it("stay, whoever opened them", async () => {
    await openedIn((store) => put(store, 1, many))
    await spoil(() => undefined)
    await openedIn((store) =>
      Effect.sync(() => {
        expect(store.beganAnew).toBe(false)
        expect(store.isDamaged()).toBe(false)
      }),
    )
  })

  it("are gone through as they were when they were opened, whatever is written", async () => {
    await openedIn((store) => put(store, 1, many))
    const ended = vi.spyOn(RowTally.prototype, "end")
    await openedIn(
      Effect.fnUntraced(function* (store) {
        for (let position = 2; ended.mock.calls.length === 0; position += 1)
          yield* put(store, position, 700)
        expect(ended.mock.results[0]).toMatchObject({ type: "return" })
        expect(store.isDamaged()).toBe(false)
      }),
    )
    expect(await openedIn((store) => Effect.succeed(store.beganAnew))).toBe(false)
  })

  it("need not be gone through to the end before they are closed, or renewed", async () => {
    await openedIn((store) => put(store, 1, many))
    const ended = vi.spyOn(RowTally.prototype, "end")
    const { take } = RowTally.prototype
    const taken = vi.spyOn(RowTally.prototype, "take")
    await openedIn(() => Effect.void)
    const untilBeside = Effect.promise(
      () =>
        new Promise<void>((resolve) => {
          taken.mockImplementation(function (this: RowTally, rows) {
            take.call(this, rows)
            resolve()
          })
        }),
    )
    await openedIn(() => untilBeside)
    expect(ended).not.toHaveBeenCalled()
    await openedIn((store) => Effect.andThen(untilBeside, store.renew))
    // Of the rows that were begun anew: there are none.
    expect(ended).toHaveBeenCalledTimes(1)
    expect(existsSync(aside())).toBe(false)
  })

  it("are still to be gone through after a kill in the middle of it", async () => {
    await openedIn((store) => put(store, 1, many))
    await spoils.deleted()
    const copy = join(root, "killed")
    // By then it has been opened, and nothing is known of its rows yet.
    vi.spyOn(RowTally.prototype, "take").mockImplementationOnce(() => {
      cpSync(directory(), copy, { recursive: true })
    })
    await openedIn(() => Effect.void)
    vi.restoreAllMocks()
    rmSync(aside(), { recursive: true, force: true })
    expect(await openedIn((store) => Effect.succeed(store.beganAnew), copy)).toBe(true)
  })
})

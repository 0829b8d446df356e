/**
 * Copies of the views: rows of somebody else, to be changed at will.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { layer } from "./level.js"
import { openCopy } from "./level-copy.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"

let parent = ""
let directory = ""
let temporary = ""
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "daybook-views-"))
  directory = join(parent, "view")
  temporary = join(parent, "copies")
  mkdirSync(temporary)
})
afterEach(() => rmSync(parent, { recursive: true }))

const write = <A, E>(act: (store: ViewStoreShape) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.provide(ViewStore.use(act), layer({ directory })))

const copied = <A, E>(act: (store: ViewStoreShape) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(openCopy({ directory, temporary }), act)))

const put = (store: ViewStoreShape, key: string) =>
  store.commit([{ key, value: Buffer.from(`row of ${key}`) }])

const rowOf = (store: ViewStoreShape, key: string): string | undefined => {
  const row = store.get(key)
  return row === undefined ? undefined : Buffer.from(row).toString()
}

describe("a copy of the views", () => {
  it("has their rows, and changes of it are its own", async () => {
    await write((store) => Effect.andThen(put(store, "a"), put(store, "b")))
    await copied((copy) =>
      Effect.gen(function* () {
        expect(rowOf(copy, "a")).toBe("row of a")
        yield* put(copy, "c")
        yield* copy.commit([{ key: "a", value: undefined }])
        expect([rowOf(copy, "a"), rowOf(copy, "c")]).toEqual([undefined, "row of c"])
      }),
    )
    await write((store) =>
      Effect.sync(() =>
        expect(["a", "b", "c"].map((key) => rowOf(store, key))).toEqual([
          "row of a",
          "row of b",
          undefined,
        ]),
      ),
    )
    expect(readdirSync(temporary)).toEqual([])
  })

  it("is taken beside their owner", async () => {
    await write((store) =>
      Effect.gen(function* () {
        for (const key of ["a", "b", "c"]) {
          yield* put(store, key)
          yield* Effect.promise(() =>
            copied((copy) => Effect.sync(() => expect(rowOf(copy, key)).toBe(`row of ${key}`))),
          )
        }
      }),
    )
  })

  it("is empty where there are none, and where they cannot be read", async () => {
    await copied((copy) => Effect.sync(() => expect(rowOf(copy, "a")).toBeUndefined()))
    expect(readdirSync(parent)).toEqual(["copies"])
    rmSync(temporary, { recursive: true })
    mkdirSync(temporary)
    await write((store) => put(store, "a"))
    for (const name of readdirSync(directory))
      if (name.startsWith("MANIFEST"))
        writeFileSync(join(directory, name), readFileSync(join(directory, name)).fill(9))
    await copied((copy) =>
      Effect.gen(function* () {
        expect(rowOf(copy, "a")).toBeUndefined()
        yield* put(copy, "b")
        expect(rowOf(copy, "b")).toBe("row of b")
      }),
    )
  })
})

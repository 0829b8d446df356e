/**
 * The list as a whole: who takes what, that everything taken comes back, and that nothing else is.
 */
import { Readable } from "node:stream"
import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, LimitExceeded } from "../errors.js"
import { encodeMetadata } from "../model/metadata.js"
import { materializers } from "./all.js"
import { roundTrip } from "./materializer.contract.js"
import type { Materializer } from "./materializer.js"
import { NdArray, ndarray } from "./ndarray.js"
import { refusalOf } from "./refusal.js"

// What accepts a value takes it, so each may be asked with any value once it has accepted.
const takerOf = (value: unknown): Materializer<unknown> | undefined =>
  materializers.find(({ accepts }) => accepts(value)) as Materializer<unknown> | undefined

describe("precedence", () => {
  it.each([
    ["text", "text"],
    ["bytes", Uint8Array.of(1)],
    ["bytes", new ArrayBuffer(1)],
    ["bytes", Readable.from([Uint8Array.of(1)])],
    ["bytes", new Blob(["a"])],
    ["ndarray", Float32Array.of(1)],
    ["ndarray", new Uint8ClampedArray(1)],
    ["ndarray", ndarray(Uint8Array.of(1), [1])],
    ["table", [{ a: 1 }]],
    ["json", [{ a: 1 }, { a: [] }]],
    ["json", [{}]],
    ["json", []],
    ["json", [null, null]],
    ["json", { a: 1 }],
    ["json", 5],
    ["json", null],
    ["structured", [{ a: new Date(0) }]],
    ["structured", [{ a: 1 }, { a: undefined }]],
    ["structured", -0],
    ["structured", 5n],
    ["structured", undefined],
    ["structured", new Map()],
  ])("%s takes what is its own", (name, value) => {
    expect(takerOf(value)?.name).toBe(name)
  })

  it.each([
    ["a function", () => 1],
    ["a class instance", new (class Model {})()],
    ["half of a surrogate pair", "\ud800"],
    ["a subclass of a typed array", new (class extends Float32Array {})(1)],
    ["a SharedArrayBuffer", new SharedArrayBuffer(1)],
    ["a proxy of a record", new Proxy({}, {})],
  ])("nothing takes %s, and the refusal says so", (_, value) => {
    expect(takerOf(value)).toBeUndefined()
    expect(refusalOf(value)).toMatchObject({ kind: "invalid", path: "value" })
  })

  it("has names that differ", () => {
    expect(new Set(materializers.map(({ name }) => name)).size).toBe(materializers.length)
  })
})

const throwing = () => {
  throw new Error("looked at")
}

class Model {
  layers = 3
}

const grid = () => ndarray(Float32Array.of(1), [1])

/** A built-in object that `Object.getPrototypeOf` cannot tell from a record. */
const disguised = (value: object, prototype: object | null = Object.prototype): unknown =>
  Object.setPrototypeOf(value, prototype)

const deep = (depth: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level += 1) value = [value]
  return value
}

const circle: Array<unknown> = []
circle.push(circle)

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const getters = { get: throwing, has: throwing, getPrototypeOf: throwing, ownKeys: throwing }

const hostile: ReadonlyArray<readonly [what: string, value: unknown]> = [
  ["undefined in a record", { deep: [{ x: undefined }] }],
  ["undefined", undefined],
  ["null", null],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
  ["NaN", Number.NaN],
  ["half of a surrogate pair", "\ud800"],
  ["a class instance", [new Model()]],
  ["a getter that throws", Object.defineProperty({}, "a", { get: throwing, enumerable: true })],
  ["an element that throws", Object.defineProperty([{ a: 1 }], 0, { get: throwing })],
  ["a cell that throws", [{ a: 1 }, Object.defineProperty({ b: 1 }, "a", { get: throwing })]],
  ["a list with a hole and a name", Object.assign(new Array(3), { 0: 1, 2: 3, x: 2 })],
  ["a cycle", circle],
  ["a cycle in a table", [{ a: circle }]],
  ["great depth", deep(20_000)],
  ["a proxy", new Proxy({}, getters)],
  ["a proxy of a list", new Proxy([{ a: 1 }], getters)],
  ["a revoked proxy", revoked()],
  ["a class whose name throws", Object.create(new Proxy({}, getters))],
  ["an iterator that throws", Object.defineProperty({}, Symbol.asyncIterator, { get: throwing })],
  ["an object with the prototype of Blob", Object.create(Blob.prototype)],
  ["an ndarray whose data throws", Object.defineProperty(grid(), "data", { get: throwing })],
  ["an ndarray whose shape throws", Object.defineProperty(grid(), "shape", { get: throwing })],
  ["an ndarray of another shape", new NdArray(Float32Array.of(1), [2])],
  ["a subclass of a typed array", new (class extends Float32Array {})(1)],
  ["a SharedArrayBuffer", new SharedArrayBuffer(1)],
  ["a DataView", new DataView(new ArrayBuffer(1))],
  ["a Date that looks like a record", disguised(new Date(0))],
  ["a Date without prototype", { at: disguised(new Date(0), null) }],
  ["a Map without prototype", disguised(new Map([[1, 2]]), null)],
  ["a Map that looks like a record", [{ a: 1 }, disguised(Object.assign(new Map(), { a: 1 }))]],
  ["a Set that looks like a record", disguised(new Set([1]))],
  ["a typed array that looks like a record", disguised(Float32Array.of(1))],
  ["an ArrayBuffer that looks like a record", disguised(new ArrayBuffer(1))],
  ["a boxed number that looks like a record", disguised(Object(1))],
  ["a Promise that looks like a record", disguised(Promise.resolve(1))],
]

describe.each(materializers.map((materializer) => [materializer.name, materializer] as const))(
  "%s, chosen by name",
  (_, materializer) => {
    const { accepts, save } = materializer as Materializer<unknown>

    it.each(hostile)(
      "takes %s or refuses it by its path with the next step",
      async (_what, value) => {
        const written: Array<string> = []
        const saved = async () => save(value, { write: (path) => void written.push(path) })
        if (accepts(value)) {
          await saved()
          expect(written.length).toBeGreaterThan(0)
          return
        }
        const error: unknown = await saved().catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(
          Object(error).kind === "exceeded" ? LimitExceeded : InvalidInput,
        )
        const { path, message } = Object(error)
        if (path !== undefined) expect(message.startsWith(`${path} `)).toBe(true)
        expect(message).toMatch(/^value/)
        expect(message).toMatch(/: \w+/)
        expect(written).toEqual([])
      },
    )
  },
)

it("names the part inside a value that the materializer asked for does not take", async () => {
  const json = materializers.find(({ name }) => name === "json") as Materializer<unknown>
  const saved = async () => json.save({ deep: [{ x: undefined }] }, { write: () => undefined })
  await expect(saved()).rejects.toMatchObject({ path: "value.deep[0].x" })
})

it.each(["Date", "Map", "Set", "Uint8Array", "ArrayBuffer"])(
  "nothing takes a %s that looks like a record",
  (name) => {
    const make = { Date, Map, Set, Uint8Array, ArrayBuffer }[name] as new () => object
    for (const prototype of [Object.prototype, null]) {
      const value = {
        part: disguised(Reflect.construct(make, name === "ArrayBuffer" ? [1] : []), prototype),
      }
      expect(takerOf(value)).toBeUndefined()
      expect(refusalOf(value)).toMatchObject({ kind: "invalid", path: "value.part" })
    }
  },
)

describe("any value", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
    withSparseArray: true,
    withObjectString: true,
    withBoxedValues: true,
  })

  it("comes back as it was or is refused by its path, and its metadata can be kept", async () => {
    const takers = new Set<string>()
    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        const taker = takerOf(value)
        if (taker === undefined) {
          expect(refusalOf(value).message).toMatch(/^value/)
          return
        }
        takers.add(taker.name)
        const back = await roundTrip(taker, value)
        // Two invalid dates are not equal, so those are compared by their text.
        const same = isDeepStrictEqual(back, value) || fc.stringify(back) === fc.stringify(value)
        expect(same).toBe(true)
        const metadata = taker.metadata?.(value) ?? {}
        expect(() => encodeMetadata(metadata, "metadata")).not.toThrow()
      }),
      { numRuns: 300 },
    )
    expect(takers.size).toBeGreaterThanOrEqual(4)
  })
})

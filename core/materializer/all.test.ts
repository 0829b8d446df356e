/**
 * The list as a whole: who takes what, that everything taken comes back, and that nothing else is.
 */
import { Readable } from "node:stream"
import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeMetadata } from "../model/metadata.js"
import { materializers } from "./all.js"
import { roundTrip } from "./materializer.contract.js"
import type { Materializer } from "./materializer.js"
import { ndarray } from "./ndarray.js"
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

/**
 * The walk names the first part that does not come back, runs no code of the value, and ends.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, LimitExceeded } from "../errors.js"
import { shownNameLengthMax, valueDepthMax } from "../limits.js"
import { refusal } from "./flaw.js"
import { NdArray, ndarray } from "./ndarray.js"
import { findFlaw } from "./walk.js"

const errorOf = (value: unknown): InvalidInput | LimitExceeded => {
  const found = findFlaw(value, "structured")
  if (found === undefined) throw new Error("no flaw was found")
  return refusal(found, "save a plain form")
}

const nested = (depth: number, inner: unknown): unknown => {
  let value = inner
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

class Model {
  layers = 3
}

class Stack extends Array<number> {}

describe("what does not come back", () => {
  const list = Object.assign([1, 2], { columns: ["a"] })
  // As many values as elements, so that counting alone does not see what is wrong.
  const holeAndName = Object.assign(new Array(3), { 0: 1, 2: 3, x: 2 })
  const hiddenAndName = Object.assign(Object.defineProperty([1, 2], 0, { enumerable: false }), {
    x: 1,
  })
  const hidden = Object.defineProperty({ a: 1 }, "b", { value: 2, enumerable: false })
  const symbol = { a: { [Symbol("s")]: 1 } }

  it.each([
    ["a function", { layers: [0, 1, 2, { activation: () => 1 }] }, "value.layers[3].activation"],
    ["a symbol", { s: Symbol("s") }, "value.s"],
    ["a Model instance", { model: new Model() }, "value.model"],
    ["a Model instance", [[new Model()]], "value[0][0]"],
    ["a RegExp instance", { pattern: /x/ }, "value.pattern"],
    ["an Error instance", { cause: new Error("e") }, "value.cause"],
    ["a Promise instance", [Promise.resolve()], "value[0]"],
    ["a Number instance", { n: Object(5) }, "value.n"],
    ["a DataView instance", { d: new DataView(new ArrayBuffer(1)) }, "value.d"],
    ["a Stack instance", { l: Stack.from([1]) }, "value.l"],
    [
      "a getter",
      {
        get area() {
          return 1
        },
      },
      "value.area",
    ],
    ["not enumerable", hidden, "value.b"],
    ["a symbol key", symbol, "value.a"],
    ["a hole", { l: Object.assign(new Array(3), { 0: 1, 2: 3 }) }, "value.l[1]"],
    ["a named property", { l: list }, "value.l.columns"],
    ["a hole", { l: holeAndName }, "value.l[1]"],
    ["not enumerable", { l: hiddenAndName }, "value.l[0]"],
    ["a getter", { l: Object.defineProperty([1], 0, { get: () => 1 }) }, "value.l[0]"],
    ["a symbol key", { l: Object.assign([1], { [Symbol("s")]: 1 }) }, "value.l"],
    ["half of a surrogate pair", { t: "\ud800" }, "value.t"],
    ["half of a surrogate pair", { "\ud800": 1 }, 'value["\\ud800"]'],
    ["a reserved key", JSON.parse('{"a":{"__proto__":{}}}'), "value.a.__proto__"],
    ["a proxy", { p: new Proxy({}, {}) }, "value.p"],
    ["a function", new Map([["f", () => 1]]), 'value.get("f")'],
    ["a function", new Map([[{}, { f: () => 1 }]]), "value<value 0>.f"],
    ["a function", new Map([[[() => 1], 1]]), "value<key 0>[0]"],
    ["a function", new Set([1, { f: () => 1 }]), "value<member 1>.f"],
    ["properties of its own", Object.assign(new Date(0), { zone: "UTC" }), "value"],
    ["a prototype of its own", Object.create({ a: 1 }), "value"],
    ["whose shape", { a: new NdArray(Float32Array.of(1), [2]) }, "value.a"],
  ])("is %s", (problem, value, path) => {
    const error = errorOf(value)
    expect(error).toBeInstanceOf(InvalidInput)
    expect(error).toMatchObject({ path })
    expect(error.message).toContain(problem)
    expect(error.message.startsWith(path)).toBe(true)
  })
})

describe("what comes back", () => {
  it("is every built-in type that structured values are made of", () => {
    const value = {
      scalars: [null, true, 1, -0, Number.NaN, 1n, 2n ** 80n, "text", undefined],
      dates: [new Date(0), new Date(Number.NaN)],
      map: new Map<unknown, unknown>([[{ a: 1 }, new Set([[1], "a"])]]),
      arrays: [Uint8Array.of(1), Buffer.of(1), new ArrayBuffer(2), BigInt64Array.of(1n)],
      grid: ndarray(Float32Array.of(1, 2), [1, 2]),
      bare: Object.assign(Object.create(null), { a: 1 }),
    }
    expect(findFlaw(value, "structured")).toBeUndefined()
    expect(findFlaw({ a: [1, "b", null, { c: false }] }, "json")).toBeUndefined()
  })

  it("may occur twice, as long as it does not contain itself", () => {
    const shared = { a: 1 }
    expect(findFlaw([shared, { again: shared }, shared], "json")).toBeUndefined()
  })
})

describe("hostile values", () => {
  it("run no getter, and no trap of a proxy", () => {
    let ran = 0
    const count = () => {
      ran += 1
      return undefined
    }
    const traps = { get: count, has: () => true, ownKeys: () => [], getPrototypeOf: () => null }
    const values = [
      Object.defineProperty({}, "a", { get: count, enumerable: true }),
      new Proxy({}, traps),
      [new Proxy([], traps)],
      Object.defineProperty({}, "toJSON", { get: count, enumerable: true }),
    ]
    for (const value of values) expect(errorOf(value)).toBeInstanceOf(InvalidInput)
    expect(ran).toBe(0)
  })

  it("that throw are refused", () => {
    const list = Object.defineProperty([1, 2], 1, {
      get: () => {
        throw new Error("looked at")
      },
      enumerable: true,
    })
    const proxy = Proxy.revocable([], {})
    proxy.revoke()
    const chain = Object.create(
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("named")
          },
        },
      ),
    )
    for (const value of [list, proxy.proxy, [proxy.proxy], chain])
      expect(errorOf(value)).toBeInstanceOf(InvalidInput)
  })

  it("that contain themselves are named by where the circle closes", () => {
    const tree: { name: string; children: Array<unknown> } = { name: "root", children: [] }
    tree.children = [{ name: "leaf", parent: tree }]
    expect(errorOf({ tree })).toMatchObject({
      path: "value.tree.children[0].parent",
      message: expect.stringContaining("leads back to value.tree, a cycle"),
    })
    const map = new Map<string, unknown>()
    map.set("self", map)
    expect(errorOf(map)).toMatchObject({ path: 'value.get("self")' })
    const wide: Array<unknown> = []
    wide.push(wide, wide, wide)
    expect(errorOf(wide)).toMatchObject({ path: "value[0]" })
  })

  it("that are deep are refused exactly beyond the limit, and never overflow the stack", () => {
    expect(findFlaw(nested(valueDepthMax, 1), "json")).toBeUndefined()
    expect(findFlaw(nested(valueDepthMax, 1), "structured")).toBeUndefined()
    for (const depth of [valueDepthMax + 1, 20_000]) {
      const error = errorOf(nested(depth, 1))
      expect(error).toBeInstanceOf(LimitExceeded)
      expect(error).toMatchObject({ limit: "valueDepthMax", allowed: valueDepthMax })
      expect(error.message.length).toBeLessThan(1_000)
    }
  })

  it("that share themselves without end are refused before they are followed", () => {
    let value: unknown = ["x"]
    for (let level = 0; level < 900; level += 1) value = [value, value]
    expect(errorOf(value)).toMatchObject({ limit: "valueBytesMax" })
    const text = "x".repeat(2 ** 20)
    const texts = Array.from({ length: 4_096 }, () => text)
    expect(errorOf({ texts })).toMatchObject({ limit: "valueBytesMax" })
  })

  it("that share a part at many depths are still measured at the deepest", () => {
    // Large enough to be remembered where it lies shallow; the copy below is too deep.
    const tail = nested(600, "x".repeat(100_000))
    expect(findFlaw([tail, nested(300, tail)], "json")).toBeUndefined()
    expect(errorOf([tail, nested(600, tail)])).toMatchObject({ limit: "valueDepthMax" })
  })

  it("of a class are named, and a long name is cut", () => {
    const named = (length: number) => {
      class Long {}
      Object.defineProperty(Long, "name", { value: "L".repeat(length) })
      return errorOf(new Long()).message
    }
    const whole = "L".repeat(shownNameLengthMax)
    expect(named(shownNameLengthMax)).toContain(`value is a ${whole} instance`)
    expect(named(shownNameLengthMax + 1)).toContain(`value is a ${whole} instance`)
  })

  it("with endless keys give paths of a bounded length", () => {
    const key = "k".repeat(100_000)
    const error = errorOf({ [key]: { [key]: () => 1 } })
    expect(error.message.length).toBeLessThan(1_000)
  })
})

describe("any value", () => {
  it("is either sound or refused by a path, and JSON is part of structured", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withSparseArray: true, withDate: true }),
        (value) => {
          const found = findFlaw(value, "structured")
          if (found !== undefined) {
            expect(refusal(found, "next").message).toMatch(/^value/)
            expect(findFlaw(value, "json")).toBeDefined()
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

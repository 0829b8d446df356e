/**
 * What is plain, and what only looks as if it were.
 */
import { describe, expect, it } from "vitest"
import { refusal } from "./flaw.js"
import {
  hasSlots,
  isPlainList,
  isPlainRecord,
  keyProblem,
  listFlaw,
  plainProperty,
  scalarProblem,
} from "./plain.js"

const asRecord = (value: object): object => Object.setPrototypeOf(value, Object.prototype)
const bare = (value: object): object => Object.setPrototypeOf(value, null)

const throwing = () => {
  throw new Error("looked at")
}

describe("scalars", () => {
  it.each([null, true, 0, -1.5, "", "é👩"])("keep %j", (value) => {
    expect(scalarProblem(value)).toBeUndefined()
  })

  it.each([
    [Number.NaN, "is NaN"],
    [Number.NEGATIVE_INFINITY, "is -Infinity"],
    [-0, "is -0"],
    [undefined, "is undefined"],
    [1n, "is a bigint"],
    ["\udc00", "surrogate pair"],
    [{}, "not a scalar"],
    [() => 1, "is a function"],
    [Symbol("s"), "is a symbol"],
  ])("say what is wrong with %s", (value, problem) => {
    expect(scalarProblem(value)).toContain(problem)
  })
})

describe("keys", () => {
  it("are any text but __proto__ and halves of surrogate pairs", () => {
    for (const key of ["", "a b", "constructor", "10"]) expect(keyProblem(key)).toBeUndefined()
    expect(keyProblem("__proto__")).toBe("is a reserved key")
    expect(keyProblem("\ud800")).toContain("surrogate pair")
  })
})

describe("properties", () => {
  it("are own, enumerable and not accessors", () => {
    expect(plainProperty({ a: undefined }, "a")).toMatchObject({ value: undefined })
    expect(plainProperty([1], 0)).toMatchObject({ value: 1 })
    const odd = Object.defineProperty({}, "getter", { get: throwing, enumerable: true })
    Object.defineProperty(odd, "setter", { set: throwing, enumerable: true })
    Object.defineProperty(odd, "hidden", { value: 1 })
    for (const key of ["getter", "setter", "hidden", "toString", "missing"])
      expect(plainProperty(odd, key)).toBeUndefined()
  })
})

describe("records", () => {
  it("are object literals", () => {
    expect(isPlainRecord({ a: 1 })).toBe(true)
    const others = [[], null, 1, Object.create(null), new Date(0), new Proxy({}, {})]
    for (const other of [...others, { [Symbol("s")]: 1 }]) expect(isPlainRecord(other)).toBe(false)
  })

  const builtIn: ReadonlyArray<() => object> = [
    () => new Date(0),
    () => new Map(),
    () => new Set(),
    () => new Uint8Array(1),
    () => new DataView(new ArrayBuffer(1)),
    () => new ArrayBuffer(1),
    () => new SharedArrayBuffer(1),
    () => new Error("e"),
    () => /x/,
    () => Object(1),
    () => Object("s"),
    () => Promise.resolve(),
    () => new WeakMap(),
    () => new WeakSet(),
  ]

  it.each(builtIn)("are not built-in objects of another prototype: %s", (make) => {
    expect(hasSlots(asRecord(make()))).toBe(true)
    expect(hasSlots(bare(make()))).toBe(true)
    expect(isPlainRecord(asRecord(make()))).toBe(false)
  })

  it("may have any properties of their own", () => {
    const tagged = { [Symbol.toStringTag]: "Date" }
    for (const value of [{}, { a: 1 }, bare({}), { size: 1, buffer: 2 }, tagged])
      expect(hasSlots(value)).toBe(false)
    expect(isPlainRecord(tagged)).toBe(false)
  })
})

describe("lists", () => {
  const pathOf = (list: ReadonlyArray<unknown>): unknown => {
    const found = listFlaw(list)
    return found && Object(refusal(found, "next")).path
  }

  it("are arrays, but not of a subclass", () => {
    class Stack extends Array<number> {}
    expect(isPlainList([])).toBe(true)
    for (const other of [new Stack(), new Proxy([], {}), bare([]), { length: 0 }])
      expect(isPlainList(other)).toBe(false)
  })

  it("are their elements and nothing more", () => {
    const hidden = Object.defineProperty([1, 2], 1, { enumerable: false })
    expect(pathOf([1, undefined])).toBeUndefined()
    expect(pathOf(new Array(1))).toBe("value[0]")
    expect(pathOf(Object.assign([1, 2], { x: 3 }))).toBe("value.x")
    expect(pathOf(Object.assign([1], { [Symbol("s")]: 3 }))).toBe("value")
    // One less and one more: as many values as elements.
    expect(pathOf(Object.assign(new Array(3), { 0: 1, 2: 3, x: 2 }))).toBe("value[1]")
    expect(pathOf(Object.assign(hidden, { x: 2 }))).toBe("value[1]")
  })

  it("run no getter of an element, and survive a named one that throws", () => {
    expect(pathOf(Object.defineProperty([1], 0, { get: throwing }))).toBe("value[0]")
    const named = Object.defineProperty([1], "x", { get: throwing, enumerable: true })
    expect(pathOf(named)).toBe("value.x")
  })
})

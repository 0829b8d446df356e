/**
 * The tokens of structured values: their written form is fixed here, since files keep it for ever.
 */
import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { valueDepthMax } from "../limits.js"
import { type Plain, pack, unpack } from "../model/msgpack.js"
import { ndarray } from "./ndarray.js"
import { bigText, isBig, readTokens, TokenProblem, writeTokens } from "./tokens.js"

const tokensOf = (value: unknown): Array<Plain> => {
  const tokens: Array<Plain> = []
  writeTokens(value, tokens)
  return tokens
}

const bare = (entries: object): object => Object.assign(Object.create(null), entries)

describe("the written form", () => {
  it.each<[string, unknown, ReadonlyArray<Plain>]>([
    ["a scalar", "text", ["text"]],
    ["null", null, [null]],
    ["a 64-bit integer", -5n, [-5n]],
    ["a larger integer", -(2n ** 64n), [["bigint", "-0x10000000000000000"]]],
    ["undefined", undefined, [["undefined"]]],
    ["-0", -0, [["-0"]]],
    ["a Date", new Date(5), [["date", 5]]],
    ["bytes", Uint8Array.of(1), [Uint8Array.of(1)]],
    ["a typed array", Uint16Array.of(258), [["array", "Uint16Array", Uint8Array.of(2, 1)]]],
    ["a Buffer", Buffer.of(1), [["array", "Buffer", Uint8Array.of(1)]]],
    ["an ArrayBuffer", Uint8Array.of(1).buffer, [["buffer", Uint8Array.of(1)]]],
    ["a list", [1, [2]], [["list", 2], 1, ["list", 1], 2]],
    ["a record", { b: 1, a: {} }, [["record", "b", "a"], 1, ["record"]]],
    ["a bare record", bare({ a: 1 }), [["bare", "a"], 1]],
    ["a Map", new Map([["k", 1]]), [["map", 1], "k", 1]],
    ["a Set", new Set([1, "a"]), [["set", 2], 1, "a"]],
    [
      "an ndarray",
      ndarray(Int8Array.of(1, 2), [2, 1]),
      [["ndarray", "Int8Array", Uint8Array.of(1, 2), 2, 1]],
    ],
  ])("of %s", (_, value, tokens) => {
    expect(tokensOf(value)).toEqual(tokens)
    expect(readTokens(tokens)).toStrictEqual(value)
  })

  it("is flat, however deep the value", () => {
    let value: unknown = 1
    for (let level = 0; level < valueDepthMax; level += 1) value = [value]
    const tokens = tokensOf(value)
    expect(tokens.length).toBe(valueDepthMax + 1)
    expect(readTokens(unpack(pack(tokens)))).toStrictEqual(value)
  })
})

describe("integers beyond 64 bits", () => {
  it("begin where MessagePack ends", () => {
    expect([2n ** 64n - 1n, -(2n ** 63n), 0n].map(isBig)).toEqual([false, false, false])
    expect([2n ** 64n, -(2n ** 63n) - 1n].map(isBig)).toEqual([true, true])
  })

  it("come back whatever their size", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }), (value) => {
        expect(readTokens(unpack(pack(tokensOf(value))))).toBe(value)
      }),
    )
    const huge = 2n ** 1_000_000n + 1n
    expect(readTokens([["bigint", bigText(huge)]])).toBe(huge)
  })
})

describe("reading", () => {
  it("gives keys that objects inherit, and keeps their order", () => {
    const value = { toString: 1, constructor: { a: 1 }, hasOwnProperty: undefined, b: 2 }
    const back = readTokens(tokensOf(value))
    expect(isDeepStrictEqual(back, value)).toBe(true)
    expect(Object.keys(Object(back))).toEqual(Object.keys(value))
  })

  it.each<[string, Plain]>([
    ["no list", 5],
    ["nothing", []],
    ["two values", [1, 2]],
    ["a map", [{ a: 1 }]],
    ["an unknown word", [["weakmap", 1]]],
    ["no word", [[5]]],
    ["a count beyond what follows", [["list", 3], 1, 2]],
    ["a huge count", [["list", 2 ** 52]]],
    ["half a count", [["set", 0.5], 1]],
    ["a negative count", [["map", -1]]],
    ["a Map without its last value", [["map", 1], "k"]],
    ["a record without its last value", [["record", "a", "b"], 1]],
    ["__proto__", [["record", "__proto__"], ["record"]]],
    ["a key that is not a string", [["record", 5], 1]],
    ["a date without a time", [["date", "today"]]],
    ["a bigint without digits", [["bigint", "12"]]],
    ["an unknown constructor", [["array", "Float128Array", Uint8Array.of(1)]]],
    ["half an element", [["array", "Uint16Array", Uint8Array.of(1)]]],
    ["an array without bytes", [["array", "Uint8Array", "1"]]],
    ["an ndarray of another shape", [["ndarray", "Uint8Array", Uint8Array.of(1), 2]]],
    ["deep nesting", new Array(valueDepthMax + 1).fill(["list", 1]).concat([1])],
  ])("refuses %s", (_, tokens) => {
    expect(() => readTokens(tokens)).toThrow(TokenProblem)
  })
})

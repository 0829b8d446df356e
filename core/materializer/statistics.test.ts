/**
 * Statistics against figures worked out elsewhere, and on the lists that naive sums get wrong.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { dtype } from "../model/metadata.js"
import { bigStatistics, listStatistics, statistics } from "./statistics.js"

describe("statistics", () => {
  it("has the deviation of the whole population, as NumPy does", () => {
    // numpy.mean and numpy.std of the same list.
    const figures = { min: 1, max: 10, mean: 4, std: 3.1622776601683795 }
    expect(statistics([1, 2, 3, 4, 10])).toEqual(figures)
    expect(statistics(Float32Array.of(1, 2, 3, 4, 10))).toEqual(figures)
  })

  it("says nothing about an empty array", () => {
    expect(statistics([])).toEqual({})
    expect(statistics(new Float64Array(0))).toEqual({})
  })

  it("leaves out and counts what is not finite", () => {
    const values = [Number.NaN, 1, Number.POSITIVE_INFINITY, 3, Number.NaN]
    const figures = { min: 1, max: 3, mean: 2, std: 1, nan_count: 2, infinite_count: 1 }
    expect(statistics(values)).toEqual(figures)
    expect(statistics(Float64Array.from(values))).toEqual(figures)
    expect(statistics([Number.NaN])).toEqual({ nan_count: 1 })
  })

  it("does not lose the deviation of large values that lie close together", () => {
    // The textbook formula, mean of squares less square of mean, gives 0 or a negative number here.
    const { mean, std } = statistics([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])
    expect(mean).toBe(1e9 + 10)
    expect(std).toBeCloseTo(Math.sqrt(22.5), 12)
  })

  it("leaves out figures that no finite number can express, and never makes one up", () => {
    const largest = Number.MAX_VALUE
    expect(statistics([largest, largest])).toEqual({ min: largest, max: largest })
    const spread = statistics([largest, -largest])
    expect(spread).toEqual({ min: -largest, max: largest, mean: 0, std: largest })
  })

  it("does not lose deviations whose squares are too small or too large for a number", () => {
    expect(statistics([0, 2e-200])).toMatchObject({ mean: 1e-200, std: 1e-200 })
    expect(statistics([0, 1.221910954911301e-160]).std).toBe(1.221910954911301e-160 / 2)
    expect(statistics([0, 2 * Number.MIN_VALUE]).std).toBe(Number.MIN_VALUE)
    expect(statistics([-1e200, 1e200])).toMatchObject({ mean: 0, std: 1e200 })
  })

  it("keeps the mean between the extremes, and the deviation of equal values at 0", () => {
    const bounded = fc.double({ noNaN: true, min: -1e300, max: 1e300 })
    fc.assert(
      fc.property(fc.array(bounded, { minLength: 1 }), (values) => {
        const { min, max, mean, std } = statistics(values)
        const largest = Math.max(Math.abs(Number(min)), Math.abs(Number(max)))
        const slack = Math.max(1e-12 * largest, Number.MIN_VALUE)
        expect(mean).toBeGreaterThanOrEqual(Number(min) - slack)
        expect(mean).toBeLessThanOrEqual(Number(max) + slack)
        expect(std).toBeLessThanOrEqual((Number(max) - Number(min)) / 2 + slack)
        if (min === max) expect(std).toBeLessThanOrEqual(slack)
      }),
    )
  })
})

describe("statistics of 64-bit integers", () => {
  it("gives extremes exactly, as numbers where these are safe", () => {
    const values = BigInt64Array.of(5n, -3n, 4n)
    expect(bigStatistics(values)).toEqual({ min: -3, max: 5, mean: 2, std: Math.sqrt(38 / 3) })
    const extremes = bigStatistics(BigUint64Array.of(0n, 2n ** 64n - 1n))
    expect(extremes).toMatchObject({ min: 0, max: 2n ** 64n - 1n, mean: 2 ** 63, std: 2 ** 63 })
    expect(bigStatistics(BigInt64Array.of(2n ** 53n))).toMatchObject({ min: 2n ** 53n })
    expect(bigStatistics(new BigInt64Array(0))).toEqual({})
  })
})

describe("statistics of a list", () => {
  it("takes flat lists of numbers only", () => {
    expect(listStatistics([])).toEqual({})
    expect(listStatistics([1, "2"])).toEqual({})
    expect(listStatistics([[1, 2]])).toEqual({})
    expect(listStatistics([3, 1])).toEqual({
      shape: [2],
      dtype: dtype("int64"),
      min: 1,
      max: 3,
      mean: 2,
      std: 1,
    })
    expect(listStatistics([0.5])).toMatchObject({ dtype: dtype("float64"), min: 0.5 })
    expect(listStatistics([Number.NaN])).toEqual({
      shape: [1],
      dtype: dtype("float64"),
      nan_count: 1,
    })
  })
})

/**
 * What was proven of a recipe counts for that recipe alone, and is forgotten when there is too much
 * of it.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { frameOf, recipeOf } from "./packs.contract.js"
import { isProven, prove, provenCountMax } from "./proven.js"
import type { Recipe } from "./recipe.js"
import { noise } from "./samples.contract.js"

const recipe = recipeOf([frameOf(noise(1_000, 1)), frameOf(noise(1_000, 2))])

describe("a proven recipe", () => {
  it("is known again by all that it says", () => {
    expect(isProven(recipe)).toBe(false)
    prove(recipe)
    expect(isProven({ ...recipe, entries: Buffer.from(recipe.entries) })).toBe(true)
    const other = digestOf(Buffer.from("other"))
    expect(isProven({ ...recipe, stat: { ...recipe.stat, digest: other } })).toBe(false)
    expect(isProven({ ...recipe, stat: { ...recipe.stat, storedDigest: other } })).toBe(false)
    for (const at of recipe.entries.keys()) {
      const entries = Buffer.from(recipe.entries)
      entries[at] = (entries[at] ?? 0) ^ 1
      expect(isProven({ ...recipe, entries })).toBe(false)
    }
  })

  it("takes the place of one that made up the same content", () => {
    const other = { ...recipe, entries: recipe.entries.subarray(0, 72) }
    prove(other)
    expect(isProven(recipe)).toBe(false)
    prove(recipe)
    expect(isProven(other)).toBe(false)
  })

  it("is forgotten when as many others were proven since", () => {
    prove(recipe)
    const nth = (index: number): Recipe => {
      const digest = digestOf(Buffer.from(String(index)))
      return { ...recipe, stat: { ...recipe.stat, digest } }
    }
    for (let index = 1; index < provenCountMax; index += 1) prove(nth(index))
    expect(isProven(recipe)).toBe(true)
    prove(nth(provenCountMax))
    expect(isProven(recipe)).toBe(false)
    expect(isProven(nth(1))).toBe(true)
  })
})

/**
 * The set of digests: against a set of their text.
 */
import { expect, it } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { DigestSet } from "./digest-set.js"

const digest = (text: string): Digest => digestOf(Buffer.from(text))

it("knows what was added, however much that is, and nothing else", () => {
  const set = new DigestSet()
  const all = Array.from({ length: 5_000 }, (_, at) => digest(`${at}`))
  for (const [at, one] of all.entries()) {
    expect(set.has(one)).toBe(false)
    set.add(one)
    set.add(all[at >> 1] ?? one)
    expect(set.has(one)).toBe(true)
  }
  expect(all.every((one) => set.has(one))).toBe(true)
  const others = Array.from({ length: 5_000 }, (_, at) => digest(`other ${at}`))
  expect(others.filter((one) => set.has(one))).toEqual([])
})

it("tells digests apart by their first 52 bits, all of them ones and zeros too", () => {
  const set = new DigestSet()
  const of = (start: string, rest: string) => (start + rest.repeat(64 - start.length)) as Digest
  const [zeros, ones] = [of("", "0"), of("", "f")]
  for (const one of [zeros, ones]) expect(set.has(one)).toBe(false)
  set.add(ones)
  expect([set.has(ones), set.has(zeros), set.has(of("fffffffffffff", "0"))]).toEqual([
    true,
    false,
    true,
  ])
  set.add(zeros)
  expect([set.has(zeros), set.has(of("000000000000", "1"))]).toEqual([true, false])
})

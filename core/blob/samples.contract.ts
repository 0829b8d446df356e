/**
 * Contents for the suites of blob stores: the same bytes on every machine, and ways to divide,
 * collect and compare them. Knows no store.
 */
import { inflateRawSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { expect } from "vitest"
import type { BlobBytes } from "./blob-store.js"

/** Numbers below `bound`, the same ones for the same seed (Marsaglia's xorshift32). */
export const numbers = (seed: number) => {
  let state = (seed * 2_654_435_761) | 1
  return (bound: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

/** Bytes that do not shrink. */
export const noise = (size: number, seed: number): Uint8Array => {
  const next = numbers(seed)
  const bytes = new Uint8Array(size)
  for (let index = 0; index < size; index += 1) bytes[index] = next(256)
  return bytes
}

/** Text that shrinks to a third. */
export const prose = (size: number, seed: number): Uint8Array => {
  const next = numbers(seed)
  const lines: Array<string> = []
  for (let length = 0; length < size; length += 40)
    lines.push(`${next(10_000)} of ${next(100)} leaves fell on day ${next(365)}, said the log\n`)
  return Buffer.from(lines.join("")).subarray(0, size)
}

/** Parts that shrink beside parts that do not: several chunks of both forms. */
export const mixed = (size: number, seed: number): Uint8Array => {
  const part = Math.ceil(size / 4)
  const parts = [prose(part, seed), noise(part, seed), prose(part, seed + 1), noise(part, seed + 1)]
  return Buffer.concat(parts).subarray(0, size)
}

/** Pieces of 1 byte up to `pieceMax`, and empty ones in between. */
export const divided = (content: Uint8Array, seed: number, pieceMax: number): Array<Uint8Array> => {
  const next = numbers(seed)
  const pieces: Array<Uint8Array> = []
  for (let start = 0; start < content.length; ) {
    const length = next(5) === 0 ? 0 : 1 + next(pieceMax)
    pieces.push(content.subarray(start, start + length))
    start += length
  }
  return pieces
}

/** All bytes of a stream. */
export const collect = (bytes: BlobBytes) =>
  Effect.map(Stream.runCollect(bytes), (pieces) => Buffer.concat(pieces))

// An empty final block: the end that a stored form lacks (RFC 1951).
const end = Uint8Array.of(3, 0)

/** The content of a whole stored form. */
export const inflated = (stored: Uint8Array): Uint8Array =>
  inflateRawSync(Buffer.concat([stored, end]))

export const expectBytes = (found: Uint8Array, expected: Uint8Array): void => {
  // Not toEqual: it compares a megabyte byte by byte.
  expect(found.length).toBe(expected.length)
  expect(Buffer.compare(found, expected)).toBe(0)
}

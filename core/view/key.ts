/**
 * Keys of view rows: tuples of text and whole numbers, encoded so that keys sort as their tuples
 * do, and so that no text, whatever it holds, can reach the range of another prefix.
 *
 * Each part ends in U+0000; inside a part U+0000 becomes U+0001 U+0001, and U+0001 becomes U+0001
 * U+0002. Numbers are eleven digits of base 36. Keys are compared as UTF-8. Knows nothing about
 * what a key names.
 */

/** Well-formed text, or a whole number from 0 to 2^53 - 1. */
export type KeyPart = string | number
export type Key = ReadonlyArray<KeyPart>

const special = /[\u0000\u0001]/
const specials = /[\u0000\u0001]/g
const numberLength = 11

/** Sorts as the number does. Whole, from 0 to 2^53 - 1; anything else is a defect. */
export const encodeNumber = (value: number): string => {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${value} cannot be part of a key`)
  return value.toString(36).padStart(numberLength, "0")
}

export const decodeNumber = (text: string): number => Number.parseInt(text, 36)

const encodePart = (part: KeyPart): string => {
  if (typeof part === "number") return `${encodeNumber(part)}\u0000`
  if (!special.test(part)) return `${part}\u0000`
  const escaped = part.replace(specials, (c) => (c === "\u0000" ? "\u0001\u0001" : "\u0001\u0002"))
  return `${escaped}\u0000`
}

export const encodeKey = (key: Key): string => {
  let encoded = ""
  for (const part of key) encoded += encodePart(part)
  return encoded
}

/** The parts as text; which of them are numbers is known to the projection that made the key. */
export const decodeKey = (encoded: string): ReadonlyArray<string> =>
  encoded
    .split("\u0000")
    .slice(0, -1)
    .map((part) =>
      part.replace(/\u0001[\u0001\u0002]/g, (pair) => (pair[1] === "\u0001" ? "\u0000" : "\u0001")),
    )

/** Half-open, both ends encoded. An empty `lt` means no end; no driver is ever given one. */
export interface KeyRange {
  readonly gte: string
  readonly lt: string
}

/** The first text that sorts after all that begin with this one; empty when there is none. */
const successor = (text: string): string => {
  const points = Array.from(text)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0
    // No UTF-8 holds a surrogate, so U+E000 follows U+D7FF; nothing follows U+10FFFF.
    const next = point === 0xd7ff ? 0xe000 : point + 1
    if (next <= 0x10ffff) return points.join("") + String.fromCodePoint(next)
  }
  return ""
}

/**
 * All keys that begin with these whole parts. When the last part may be cut short (`open`), all
 * keys whose last part begins with it.
 */
export const rangeOf = (encodedPrefix: string, open = false): KeyRange => {
  const stem = encodedPrefix.slice(0, -1)
  if (open || encodedPrefix === "") return { gte: encodedPrefix, lt: successor(stem) }
  // A part goes on with U+0001 or above, so this is the first key after those that end here.
  return { gte: encodedPrefix, lt: `${stem}\u0001` }
}

/**
 * Where a row lies: `now` holds live rows and nothing else, `gone` the last trace of rows that were
 * deleted, `was` every closed state. A slot is one build of one projection.
 */
export type Space = "now" | "gone" | "was"

const spaceLetters: Readonly<Record<Space, string>> = { now: "n", gone: "g", was: "w" }

export const slotPrefix = (space: Space, slot: number): string =>
  `${spaceLetters[space]}${slot.toString(36)}\u0000`

export const registryPrefix = "r"

/**
 * Fresh ids: ULIDs (github.com/ulid/spec) with new randomness each, so that any six last characters
 * tell ids apart. The one import of ulid.
 */
import { randomFillSync } from "node:crypto"
import { encodeTime } from "ulid"
import type { Id } from "../model/names.js"

const alphabet = Buffer.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
const timeLength = 10
const randomLength = 16
// Random characters are drawn for many ids at once: a call for each would cost a hundredfold.
const pool = Buffer.alloc(4_096)
let used = pool.length

const fill = (): void => {
  randomFillSync(pool)
  // The low five bits of a byte: each of the 32 characters is equally likely.
  for (let at = 0; at < pool.length; at += 1) pool[at] = alphabet[(pool[at] ?? 0) & 31] ?? 0
  used = 0
}

const randomText = (): string => {
  if (used + randomLength > pool.length) fill()
  used += randomLength
  return pool.toString("latin1", used - randomLength, used)
}

// Ids of one millisecond begin alike.
let last = { time: -1, text: "" }

const timeText = (time: number): string => {
  if (last.time !== time) last = { time, text: encodeTime(time, timeLength) }
  return last.text
}

/** An id whose first ten characters are the time, milliseconds UTC. */
export const freshId = (time: number): Id => (timeText(time) + randomText()) as Id

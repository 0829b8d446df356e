/**
 * Fresh ids: ULIDs (github.com/ulid/spec) with new randomness each, so that any six last characters
 * tell ids apart. The one import of ulid.
 */
import { randomFillSync } from "node:crypto"
import { encodeTime } from "ulid"
import type { Id } from "../model/names.js"

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const timeLength = 10
const randomLength = 16
// Random bytes are drawn for many ids at once: a call for each character would cost a hundredfold.
const pool = Buffer.alloc(4_096)
let used = pool.length

const randomText = (): string => {
  if (used + randomLength > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  let text = ""
  // The low five bits of a byte: each of the 32 characters is equally likely.
  for (const byte of pool.subarray(used, used + randomLength)) text += alphabet[byte & 31]
  used += randomLength
  return text
}

/** An id whose first ten characters are the time, milliseconds UTC. */
export const freshId = (time: number): Id => (encodeTime(time, timeLength) + randomText()) as Id

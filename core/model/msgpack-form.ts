/**
 * The form of MessagePack bytes, looked through before they are read: whole values of the plain
 * kinds, and nothing behind them.
 *
 * Readers know more than the format that is written here. msgpackr makes cycles, regular
 * expressions and compiled code of extensions, and one of them sends it back to where it was, for
 * ever. So extensions are refused here, and claims that the bytes cannot hold. Makes no values.
 */

// What the number behind a first byte counts: list members, twice that for a map, or bytes.
const [none, list, map, text, refused] = [0, 1, 2, 3, 4]

/** Of each first byte: what it claims, the bytes that follow it, and the values that do. */
const claims = new Uint8Array(256)
const follows = new Uint8Array(256)
const holds = new Uint8Array(256)

const say = (first: number, last: number, claim: number, bytes: ReadonlyArray<number>): void => {
  for (let token = first; token <= last; token += 1) {
    claims[token] = claim
    follows[token] = bytes[token - first] ?? bytes[0] ?? 0
  }
}

// Small integers, null and the like stay at nothing.
for (let few = 0; few < 32; few += 1) {
  if (few < 16) [holds[0x80 + few], holds[0x90 + few]] = [2 * few, few]
  follows[0xa0 + few] = few
}
say(0xc1, 0xc1, refused, [0])
say(0xc4, 0xc6, text, [1, 2, 4])
say(0xc7, 0xc9, refused, [0])
say(0xca, 0xd3, none, [4, 8, 1, 2, 4, 8, 1, 2, 4, 8])
say(0xd4, 0xd8, refused, [0])
say(0xd9, 0xdb, text, [1, 2, 4])
say(0xdc, 0xdd, list, [2, 4])
say(0xde, 0xdf, map, [2, 4])

const refuse = (problem: string, at: number): never => {
  throw new Error(`the bytes are not plain MessagePack: ${problem} at byte ${at}`)
}

/** A big-endian number; beyond 2^31 it stays positive. */
const numberAt = (bytes: Uint8Array, at: number, length: number): number => {
  let number = 0
  for (let next = at; next < at + length; next += 1) number = number * 256 + (bytes[next] ?? 0)
  return number
}

/**
 * Where the value ends that begins at a place. Throws where no whole one does. Takes as long as
 * there are values in it, whatever they claim.
 */
export const endOf = (bytes: Uint8Array, from: number): number => {
  const end = bytes.length
  // How many values are still to come of those that were begun.
  let wanted = 1
  let at = from
  while (wanted > 0) {
    if (wanted > end - at) refuse("it ends too early", at)
    const token = bytes[at] ?? 0
    const claim = claims[token] ?? refused
    if (claim === refused) refuse("an extension, or a code that is not used", at)
    const follow = follows[token] ?? 0
    const claimed = claim === none ? 0 : numberAt(bytes, at + 1, Math.min(follow, end - at))
    at += 1 + follow
    wanted += (holds[token] ?? 0) - 1
    if (claim === text) at += claimed
    else wanted += claimed * claim
  }
  return at > end ? refuse("it ends too early", end) : at
}

/** Throws where the bytes are not one such value. */
export const checkOne = (bytes: Uint8Array): void => {
  const end = endOf(bytes, 0)
  if (end < bytes.length) refuse("something behind it", end)
}

/** Throws where the bytes are not such values, however many. */
export const checkAll = (bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at = endOf(bytes, at)
}

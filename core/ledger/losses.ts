/**
 * What was lost, as the first events of the new ledger: as many as it takes for each to fit a
 * record, in one order, so that the same losses are always told in the same way.
 */
import type { Recovery } from "../event/loss.js"
import { recordBytesMax } from "../limits.js"
import { packedLength } from "../model/msgpack.js"

/** Around the entries: what every one of these events says, and its envelope. */
const aroundBytesMax = 1_024

type Lists = Pick<Recovery, "lost" | "leftOut" | "altered" | "contentLost">
type Name = keyof Lists

const names = ["lost", "leftOut", "altered", "contentLost"] as const

/** A digest is text here and half as long in a record: that leaves room to spare. */
const entriesOf = (lists: Lists): ReadonlyArray<readonly [name: Name, entry: unknown, number]> =>
  names.flatMap((name) => lists[name].map((entry) => [name, entry, packedLength(entry)] as const))

/** The data of these events, at least of one. */
export const recoveries = (recovery: Recovery): ReadonlyArray<Recovery> => {
  const { source, recoveredAt } = recovery
  const begin = () => ({ lost: [], leftOut: [], altered: [], contentLost: [] })
  const parts: Array<{ readonly [N in Name]: Array<unknown> }> = [begin()]
  let bytes = aroundBytesMax
  for (const [name, entry, length] of entriesOf(recovery)) {
    if (bytes + length > recordBytesMax) {
      parts.push(begin())
      bytes = aroundBytesMax
    }
    parts.at(-1)?.[name].push(entry)
    bytes += length
  }
  return parts.map((lists) => ({ source, recoveredAt, ...(lists as Lists) }))
}

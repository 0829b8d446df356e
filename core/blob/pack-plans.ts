/**
 * Which packs a removal compacts, and in which order: those of which enough goes, those first that
 * are emptied with the least to be moved, since on a full disk each makes room for the next.
 *
 * Looks at the sizes and names of files, and into none.
 */
import { stat } from "node:fs/promises"
import { packGarbageShareMin, removalRowCountMax } from "../limits.js"
import { hasCode } from "../model/cause.js"
import type { Plan } from "./compact.js"
import type { Choice, Usage } from "./going.js"
import { packHeaderBytes } from "./pack.js"
import { packPath } from "./pack-files.js"
import type { PackStore } from "./pack-store.js"

/** A pack that is to be compacted, before its frames are known. */
export interface Planned extends Omit<Plan, "frames"> {
  readonly usage: Usage
  /** Whether cutting it off gives nothing back until it is gone, if at all. */
  readonly isShared: boolean
}

const unused = (): Usage => ({ count: 0, stays: 0, goes: 0, unused: [] })

const statOf = async (path: string) => {
  try {
    const { size, nlink } = await stat(path)
    return { size, nlink }
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return { size: 0, nlink: 0 }
    throw cause
  }
}

const isMuch = (garbage: number, size: number) => garbage * packGarbageShareMin >= size
const isAny = (garbage: number) => garbage > 0

/** The packs of which enough goes. Of one that is lost, the index forgets what goes. */
export const plansOf = async (
  { packs: directory, index, damage }: PackStore,
  { packs, isSound }: Choice,
  before: number,
  isThorough: boolean,
): Promise<ReadonlyArray<Planned>> => {
  const isWorth = isThorough || !isSound ? isAny : isMuch
  const plans: Array<Planned> = []
  for (const mark of (await index.marks()).values()) {
    const usage = packs.get(mark.pack) ?? unused()
    if (mark.pack >= before) continue
    const { size, nlink } = await statOf(packPath(directory, mark.pack))
    const garbage = isSound ? size - packHeaderBytes - usage.stays : usage.goes
    const isShared = nlink > 1 || damage.isIn(mark.pack)
    const isLost = size === 0 && usage.goes > 0
    // What has another name gives nothing back, unless that name goes.
    const isWanted = isWorth(garbage, size) && (!isShared || isWorth === isAny)
    if (isLost || isWanted)
      plans.push({ mark, size, restStays: !isSound, isWorth, usage, isShared })
  }
  return plans.sort(
    (a, b) => Number(a.isShared) - Number(b.isShared) || a.usage.stays - b.usage.stays,
  )
}

/** As many plans at once as their frames have room in memory. */
export function* groupsOf(plans: ReadonlyArray<Planned>): Generator<ReadonlyArray<Planned>, void> {
  let [group, count]: [Array<Planned>, number] = [[], 0]
  for (const plan of plans) {
    if (group.length > 0 && count + plan.usage.count > removalRowCountMax) {
      yield group
      ;[group, count] = [[], 0]
    }
    group.push(plan)
    count += plan.usage.count
  }
  if (group.length > 0) yield group
}

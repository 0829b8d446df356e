/**
 * What is whole of a damaged log, as a log of its own: every record whose checksum is right, at its
 * position. LevelDB never sees the damaged files; what is missing shows as in any log.
 *
 * Memory does not grow with the log: the records go through it in batches.
 */
import { Damage } from "../disk/damage.js"
import { currentManifest } from "../disk/level-opening.js"
import { salvage } from "../disk/level-salvage.js"
import { hasCode } from "../model/cause.js"
import { endOfTables } from "./level-end.js"
import { bodyOf, positionOf, type Store } from "./level-records.js"

const batchBytes = 1_048_576

/** The last position that the manifest says there is; 0 where it cannot be read. */
const endIn = (directory: string): number => {
  try {
    return endOfTables(currentManifest(directory).edits)
  } catch (cause) {
    if (cause instanceof Damage || hasCode(cause, "ENOENT")) return 0
    throw cause
  }
}

const copyRecords = async (from: string, store: Store): Promise<void> => {
  let batch = store.batch()
  let bytes = 0
  for await (const { key, value } of salvage(from)) {
    if (!(positionOf(key) >= 1)) continue
    if (value === undefined) batch.del(key)
    // Another write of this position may be whole.
    else if (bodyOf(key, value) === undefined) continue
    else batch.put(key, value)
    bytes += key.length + (value?.length ?? 0)
    if (bytes < batchBytes) continue
    await batch.write()
    batch = store.batch()
    bytes = 0
  }
  await batch.write()
}

/**
 * Puts what is left of the log in `from`, which nobody writes, into an empty store. Answers with
 * the last position that the files are known to have held, whole or not.
 */
export const salvageInto = async (store: Store, from: string): Promise<number> => {
  await copyRecords(from, store)
  return endIn(from)
}

/**
 * Where the log ends, by LevelDB's own files, before it opens them: it passes over a write-ahead
 * log that it cannot read, and removes it; nor does it miss what lay in a table that does not open.
 *
 * Reads the manifest, which names the last key of each table, and the write-ahead logs. Changes
 * nothing.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Damage } from "../disk/damage.js"
import { isLog, namesIn, numberOf } from "../disk/database.js"
import { writesIn } from "../disk/level-batch.js"
import { readJournal } from "../disk/level-journal.js"
import { type Edit, firstLogAfter, tablesAfter } from "../disk/level-manifest.js"
import { currentManifest } from "../disk/level-opening.js"
import { positionOf } from "./level-records.js"

/** The last position in the tables that a manifest names; 0 where there is none. */
export const endOfTables = (edits: ReadonlyArray<Edit>): number =>
  tablesAfter(edits).reduce((end, { largest }) => Math.max(end, positionOf(largest) || 0), 0)

/**
 * The last position that is in the files of a log; 0 where there is none. Rejects with `Damage`
 * where they show that some of it is lost, and with the error of a disk that cannot be read.
 */
export const endOf = async (directory: string): Promise<number> => {
  const { edits } = currentManifest(directory)
  let end = endOfTables(edits)
  const first = firstLogAfter(edits)
  for (const name of await namesIn(directory)) {
    if (!isLog(name) || numberOf(name) < first) continue
    const { records } = readJournal(await readFile(join(directory, name)), name)
    for (const { body } of records)
      for (const { key, value } of writesIn(body, name))
        if (value !== undefined) end = Math.max(end, positionOf(key) || 0)
  }
  return end
}

/** The same where damage is an answer too. */
export const endOrDamage = (directory: string): Promise<number | Damage> =>
  endOf(directory).catch((cause: unknown) => {
    if (cause instanceof Damage) return cause
    throw cause
  })

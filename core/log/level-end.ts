/**
 * Where the log ends, by LevelDB's own files, before it opens them: it passes over a write-ahead
 * log that it cannot read, and removes it; nor does it miss what lay in a table that does not open.
 *
 * Reads the manifest, which names the last key of each table, and the write-ahead logs, whose
 * records are batches of writes (db/write_batch.cc of LevelDB 1.20). Changes nothing.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Cursor, Damage } from "../disk/damage.js"
import { isLog, namesIn, numberOf } from "../disk/database.js"
import { readJournal } from "../disk/level-journal.js"
import { tablesAfter } from "../disk/level-manifest.js"
import { currentManifest } from "../disk/level-opening.js"
import { positionOf } from "./level-records.js"

// Sequence number and count, before the writes of a batch.
const batchHeaderBytes = 12
const put = 1

/** The positions of the records that a batch puts. */
const positionsIn = (batch: Buffer, name: string): ReadonlyArray<number> => {
  const cursor = new Cursor(batch, name, batchHeaderBytes)
  const positions: Array<number> = []
  while (!cursor.ended) {
    const kind = cursor.byte()
    const key = cursor.counted()
    if (kind !== put) continue
    cursor.counted()
    positions.push(positionOf(key))
  }
  return positions
}

/**
 * The last position that is in the files of a log; 0 where there is none. Rejects with `Damage`
 * where they show that some of it is lost, and with the error of a disk that cannot be read.
 */
export const endOf = async (directory: string): Promise<number> => {
  const { edits } = currentManifest(directory)
  let end = 0
  for (const { largest } of tablesAfter(edits)) end = Math.max(end, positionOf(largest) || 0)
  const first = edits.reduce((before, { logNumber }) => logNumber ?? before, 0)
  for (const name of await namesIn(directory)) {
    if (!isLog(name) || numberOf(name) < first) continue
    const { records } = readJournal(await readFile(join(directory, name)), name)
    for (const { body } of records)
      for (const position of positionsIn(body, name)) end = Math.max(end, position || 0)
  }
  return end
}

/** The same where damage is an answer too. */
export const endOrDamage = (directory: string): Promise<number | Damage> =>
  endOf(directory).catch((cause: unknown) => {
    if (cause instanceof Damage) return cause
    throw cause
  })

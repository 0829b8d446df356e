/**
 * LevelDB's MANIFEST: which tables a database consists of, and how that changed, edit by edit.
 *
 * The first record is the whole of it as it was when LevelDB opened it; each further one is written
 * and synced before what it says comes into force. Reads no table and no log.
 */
import { Cursor, Damage } from "./damage.js"
import { readJournal } from "./level-journal.js"

/** A table as the MANIFEST knows it; its keys are those of the user, without sequence numbers. */
export interface TableEntry {
  readonly number: number
  readonly level: number
  readonly size: number
  readonly smallest: Buffer
  readonly largest: Buffer
}

export interface Edit {
  readonly logNumber: number | undefined
  readonly added: ReadonlyArray<TableEntry>
  /** Numbers of tables that are no longer where they were: rewritten, or moved a level down. */
  readonly removed: ReadonlyArray<number>
  /** Where the edit ends in its file. */
  readonly end: number
}

// The numbers of the fields, in db/version_edit.cc.
const comparator = 1
const logNumber = 2
const nextFile = 3
const lastSequence = 4
const compactPointer = 5
const deletedFile = 6
const newFile = 7
const previousLog = 9

// Sequence number and kind, behind each key.
const trailerBytes = 8

const userKey = (cursor: Cursor, file: string): Buffer => {
  const key = cursor.counted()
  if (key.length < trailerBytes) throw new Damage(file, "names a table with a key that is none")
  return key.subarray(0, -trailerBytes)
}

const readTable = (cursor: Cursor, file: string): TableEntry => {
  const [level, number, size] = [cursor.varint(), cursor.varint(), cursor.varint()]
  return { level, number, size, smallest: userKey(cursor, file), largest: userKey(cursor, file) }
}

const readEdit = (body: Buffer, end: number, file: string): Edit => {
  const cursor = new Cursor(body, file)
  const added: Array<TableEntry> = []
  const removed: Array<number> = []
  let log: number | undefined
  while (!cursor.ended) {
    const field = cursor.varint()
    if (field === comparator) cursor.counted()
    else if (field === logNumber) log = cursor.varint()
    else if (field === nextFile || field === previousLog) cursor.varint()
    // Fifty-six bits: not a number here, and nobody asks for it.
    else if (field === lastSequence) while (cursor.byte() >= 128);
    else if (field === compactPointer) {
      cursor.varint()
      cursor.counted()
    } else if (field === deletedFile) {
      cursor.varint()
      removed.push(cursor.varint())
    } else if (field === newFile) added.push(readTable(cursor, file))
    else throw new Damage(file, `has a field ${field} that no MANIFEST has`)
  }
  return { logNumber: log, added, removed, end }
}

/** Its whole edits. One at the end that was never finished never came into force. */
export const readManifest = (bytes: Buffer, file: string): ReadonlyArray<Edit> =>
  readJournal(bytes, file).records.map(({ body, end }) => readEdit(body, end, file))

/** The number of the first write-ahead log that is still in use; 0 where none is named. */
export const firstLogAfter = (edits: ReadonlyArray<Edit>): number =>
  edits.reduce((before, { logNumber }) => logNumber ?? before, 0)

/** The tables that are left after these edits. */
export const tablesAfter = (edits: ReadonlyArray<Edit>): ReadonlyArray<TableEntry> => {
  const tables = new Map<number, TableEntry>()
  for (const { added, removed } of edits) {
    for (const number of removed) tables.delete(number)
    for (const table of added) tables.set(table.number, table)
  }
  return [...tables.values()]
}

/** Where in the MANIFEST LevelDB last rewrote tables that were there when it began; or 0. */
export const rewrittenUpTo = ([opening, ...edits]: ReadonlyArray<Edit>): number => {
  const before = new Set(opening?.added.map(({ number }) => number))
  const rewriting = edits.filter(({ added, removed }) =>
    removed.some((one) => before.has(one) && !added.some(({ number }) => number === one)),
  )
  return rewriting.at(-1)?.end ?? 0
}

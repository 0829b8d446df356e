/**
 * The blob index in LevelDB: from digests to places in packs. Derived: when it is deleted, the next
 * opening rebuilds it from the packs.
 *
 * Its writes are not synced. A row is written after the fsync that covers its frame, or else its
 * pack's mark says `ahead`; rows that are lost with their mark are found again by a scan, and what
 * was lost before others shows by the numbers of batches (`index-numbers.ts`). Opens no pack.
 */
import type { Digest } from "../model/digest.js"
import type { FrameKind } from "./frame.js"
import { type BytesRange, IndexDatabase } from "./index-database.js"
import { baseKey, IndexNumbers, numberRange, type Operation } from "./index-numbers.js"
import {
  type BlobRow,
  type ChunkRow,
  copyKey,
  copyRange,
  decodeMark,
  decodeRow,
  digestOfKey,
  encodeMark,
  encodeRow,
  keyOfCopy,
  keyRange,
  type Mark,
  markKey,
  type Place,
  type Row,
  rowKey,
  samePlace,
} from "./index-row.js"
import { IndexTrust } from "./index-trust.js"

/** A row with the role it has: the first frame of its digest, or a further copy. */
export interface RoleRow {
  readonly row: Row
  readonly isCopy: boolean
}

/** A pack that was rewritten: where its frames lie now, undefined for those that are gone. */
export interface Rewriting {
  readonly pack: number
  readonly rows: ReadonlyArray<RoleRow>
  readonly placeOf: (row: Row) => Place | undefined
  /** That of its successor, if anything was left. */
  readonly marks: ReadonlyArray<Mark>
}

export interface BlobIndex {
  /** Undefined too when the row is damaged: the bytes can then be stored again. */
  readonly chunk: (digest: Digest) => ChunkRow | undefined
  readonly chunks: (digests: ReadonlyArray<Digest>) => Promise<ReadonlyArray<ChunkRow | undefined>>
  readonly blob: (digest: Digest) => BlobRow | "damaged" | undefined
  /** The frames of a digest after its first one, in pack order. */
  readonly copies: (kind: FrameKind, digest: Digest) => Promise<ReadonlyArray<Row>>
  /** Every blob, sorted by digest, in pages; a damaged row is only its digest. */
  readonly blobs: () => AsyncGenerator<ReadonlyArray<BlobRow | Digest>, void>
  /** Every frame that is wanted. Goes through the whole index. */
  readonly select: (wanted: (row: Row) => boolean) => Promise<ReadonlyArray<RoleRow>>
  readonly marks: () => Promise<ReadonlyMap<number, Mark>>
  /**
   * Adds frames in pack order, and moves marks, in one write. The first row of a digest stays; but
   * a fresh frame, which is stored because none there was relied on, comes first from now on.
   */
  readonly add: (
    rows: ReadonlyArray<Row>,
    marks: ReadonlyArray<Mark>,
    fresh?: boolean,
  ) => Promise<void>
  /** Follows a pack into its successor, in one synced write. */
  readonly rewrite: (rewriting: Rewriting) => Promise<void>
  readonly clear: () => Promise<void>
  readonly close: () => Promise<void>
}

const put = (key: Buffer, value: Buffer): Operation => ({ type: "put", key, value })
const del = (key: Buffer): Operation => ({ type: "del", key })

const getRow = (database: IndexDatabase, key: Buffer): Row | "damaged" | undefined => {
  const value = database.get(key)
  return value === undefined ? undefined : (decodeRow(key, value) ?? "damaged")
}

const asChunk = (row: Row | "damaged" | undefined): ChunkRow | undefined =>
  row !== undefined && row !== "damaged" && row.kind === "chunk" ? row : undefined

const copiesIn = async (database: IndexDatabase, range: BytesRange) => {
  const rows: Array<Row> = []
  for await (const entries of database.pages(range)) {
    for (const [key, value] of entries) {
      const row = decodeRow(keyOfCopy(key), value)
      if (row !== undefined) rows.push(row)
    }
  }
  return rows
}

/** A database and the numbers of its batches. */
interface Opened {
  readonly database: IndexDatabase
  numbers: IndexNumbers
}

const putMark = (mark: Mark): Operation => put(markKey(mark.pack), encodeMark(mark))

const addRows = async (
  { database, numbers }: Opened,
  rows: ReadonlyArray<Row>,
  marks: ReadonlyArray<Mark>,
  fresh = false,
) => {
  const { operations: numbering, sync } = numbers.take()
  const operations: Array<Operation> = [...numbering]
  const added = new Set<string>()
  // Of fresh frames of one digest the last one comes first.
  for (const row of fresh ? [...rows].reverse() : rows) {
    const key = rowKey(row.kind, row.digest)
    const name = key.toString("latin1")
    const first = getRow(database, key)
    const other = first === "damaged" || (first && samePlace(first, row)) ? undefined : first
    const isFirst = (other === undefined || fresh) && !added.has(name)
    if (isFirst && other !== undefined) operations.push(put(copyKey(other), encodeRow(other)))
    operations.push(put(isFirst ? key : copyKey(row), encodeRow(row)))
    added.add(name)
  }
  operations.push(...marks.map(putMark))
  await database.batch(operations, sync)
}

/** What becomes of the first row of a digest whose frame is gone: the next copy takes its place. */
const promote = (row: Row, gone: number, copies: ReadonlyArray<Row>): ReadonlyArray<Operation> => {
  const key = rowKey(row.kind, row.digest)
  const next = copies.find(
    (copy) => copy.kind === row.kind && copy.digest === row.digest && copy.pack !== gone,
  )
  return next === undefined ? [del(key)] : [put(key, encodeRow(next)), del(copyKey(next))]
}

const rewriteRows = async ({ database, numbers }: Opened, rewriting: Rewriting) => {
  const { pack, rows, placeOf, marks } = rewriting
  const copies = await copiesIn(database, keyRange("copy"))
  const numbering = numbers.take(true).operations
  const operations: Array<Operation> = [...numbering, del(markKey(pack)), ...marks.map(putMark)]
  for (const { row, isCopy } of rows) {
    const place = placeOf(row)
    const moved = place === undefined ? undefined : { ...row, ...place }
    if (isCopy) operations.push(del(copyKey(row)))
    if (moved !== undefined)
      operations.push(put(isCopy ? copyKey(moved) : rowKey(row.kind, row.digest), encodeRow(moved)))
    else if (!isCopy) operations.push(...promote(row, pack, copies))
  }
  // Synced, because the pack is unlinked next: its rows must not come back after a power loss.
  await database.batch(operations, true)
}

const selectRows = async (database: IndexDatabase, wanted: (row: Row) => boolean) => {
  const found: Array<RoleRow> = []
  const keep = (row: Row | undefined, isCopy: boolean) => {
    if (row !== undefined && wanted(row)) found.push({ row, isCopy })
  }
  for (const kind of ["chunk", "recipe"] as const)
    for await (const entries of database.pages(keyRange(kind), true))
      for (const [key, value] of entries) keep(decodeRow(key, value), false)
  for (const row of await copiesIn(database, keyRange("copy"))) keep(row, true)
  return found
}

const readMarks = async (database: IndexDatabase) => {
  const marks = new Map<number, Mark>()
  for await (const entries of database.pages(keyRange("pack"))) {
    for (const [key, value] of entries) {
      const mark = decodeMark(key, value)
      if (mark !== undefined) marks.set(mark.pack, mark)
    }
  }
  return marks
}

/** Undefined when some lack, or cannot be read. */
const findNumbers = async (database: IndexDatabase): Promise<IndexNumbers | undefined> => {
  try {
    const numbers: Array<Buffer> = []
    for await (const entries of database.pages(numberRange))
      numbers.push(...entries.map(([key]) => key))
    return IndexNumbers.of(database.get(baseKey), numbers)
  } catch {
    return undefined
  }
}

/**
 * Opens the index, empty when there is none, when its rows are of another format, when a write to
 * it has failed or was lost, or when LevelDB cannot open it. Fails only when another process has it
 * open or it cannot be recreated.
 */
export const openIndex = async (directory: string): Promise<BlobIndex> => {
  const database = await IndexDatabase.open(directory)
  try {
    return await indexIn(directory, database)
  } catch (cause) {
    await database.close()
    throw cause
  }
}

const indexIn = async (directory: string, database: IndexDatabase): Promise<BlobIndex> => {
  const trust = new IndexTrust(directory)
  const found = await findNumbers(database)
  const opened: Opened = { database, numbers: found ?? new IndexNumbers() }
  const clear = async () => {
    await database.renew()
    opened.numbers = new IndexNumbers()
    await trust.give()
  }
  if (database.isNew) await trust.give()
  else if (found === undefined || !(await trust.holds())) await clear()

  return {
    chunk: (digest) => asChunk(getRow(database, rowKey("chunk", digest))),
    chunks: async (digests) => {
      const keys = digests.map((digest) => rowKey("chunk", digest))
      const values = await database.getMany(keys)
      return keys.map((key, index) => {
        const value = values[index]
        return value === undefined ? undefined : asChunk(decodeRow(key, value))
      })
    },
    blob: (digest) => {
      const row = getRow(database, rowKey("recipe", digest))
      return row === undefined || (row !== "damaged" && row.kind === "recipe") ? row : "damaged"
    },
    copies: (kind, digest) => copiesIn(database, copyRange(kind, digest)),
    async *blobs() {
      for await (const entries of database.pages(keyRange("recipe"), true))
        yield entries.map(([key, value]) => {
          const row = decodeRow(key, value)
          return row?.kind === "recipe" ? row : digestOfKey(key)
        })
    },
    select: (wanted) => selectRows(database, wanted),
    marks: () => readMarks(database),
    add: (rows, marks, fresh) => trust.write(() => addRows(opened, rows, marks, fresh)),
    rewrite: (rewriting) => trust.write(() => rewriteRows(opened, rewriting)),
    clear,
    close: () => database.close(),
  }
}

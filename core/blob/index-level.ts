/**
 * The blob index in LevelDB: from digests to places in packs. Derived: when it is deleted, the next
 * opening rebuilds it from the packs.
 *
 * Its writes are not synced. A row is written after the fsync that covers its frame, or else its
 * pack's mark says `ahead`; rows that are lost with their mark are found again by a scan, and what
 * was lost before others shows by the numbers of batches (`index-numbers.ts`). Opens no pack.
 */
import { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { FrameKind } from "./frame.js"
import { type BytesRange, IndexDatabase } from "./index-database.js"
import { type Move, movedRows } from "./index-moves.js"
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
  type Row,
  rowKey,
  samePlace,
} from "./index-row.js"
import { IndexTrust } from "./index-trust.js"

/** What a removal does to frames, with the marks of their packs from then on. */
export interface Rewriting {
  readonly moves: ReadonlyArray<Move>
  readonly marks: ReadonlyArray<Mark>
  /** Packs that nothing is left of. */
  readonly gone: ReadonlyArray<number>
}

export interface BlobIndex {
  /**
   * Undefined too when the row is damaged: the bytes can then be stored again. Where rows are asked
   * for `once`, none is kept in memory for the next time.
   */
  readonly chunk: (digest: Digest, once?: boolean) => ChunkRow | undefined
  readonly chunks: (
    digests: ReadonlyArray<Digest>,
    once?: boolean,
  ) => Promise<ReadonlyArray<ChunkRow | undefined>>
  readonly blob: (digest: Digest, once?: boolean) => BlobRow | "damaged" | undefined
  /** The frames of a digest after its first one, in pack order. */
  readonly copies: (kind: FrameKind, digest: Digest) => Promise<ReadonlyArray<Row>>
  /** Every blob, sorted by digest, in pages; a damaged row is only its digest. */
  readonly blobs: () => AsyncGenerator<ReadonlyArray<BlobRow | Digest>, void>
  /** Shows every frame: chunks, then blobs, then copies; of a damaged row its digest alone. */
  readonly each: (see: (row: Row | Digest) => void) => Promise<void>
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
  /** Follows frames to where they lie now, in one synced write. */
  readonly rewrite: (rewriting: Rewriting) => Promise<void>
  readonly clear: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Why an index began with no rows. */
export type Anew = "damaged" | "lost" | "missing"

/** An index, and what opening it found. */
export interface OpenedIndex extends BlobIndex {
  /** Undefined while it is as it was found. */
  readonly anew: () => Anew | undefined
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

const hasAny = async (database: IndexDatabase, range: BytesRange): Promise<boolean> => {
  for await (const entries of database.pages(range)) return entries.length > 0
  return false
}

/** The rows of a digest as they were and as they are to be: the first one before copies. */
const changes = (
  key: Buffer,
  [first, ...copies]: ReadonlyArray<Row>,
  [head, ...rest]: ReadonlyArray<Row>,
): ReadonlyArray<Operation> => [
  ...copies.filter((row) => !rest.includes(row)).map((row) => del(copyKey(row))),
  ...rest.filter((row) => !copies.includes(row)).map((row) => put(copyKey(row), encodeRow(row))),
  ...(head === first ? [] : [head === undefined ? del(key) : put(key, encodeRow(head))]),
]

const rewriteRows = async (
  { database, numbers }: Opened,
  { moves, marks, gone }: Rewriting,
): Promise<void> => {
  const movesOf = new Map<string, Array<Move>>()
  for (const move of moves) {
    const name = move.kind + move.digest
    const own = movesOf.get(name)
    if (own === undefined) movesOf.set(name, [move])
    else own.push(move)
  }
  const groups = [...movesOf.values()]
  const keys = groups.flatMap(([move]) => (move ? [rowKey(move.kind, move.digest)] : []))
  const values = await database.getMany(keys)
  // As a rule there are none at all, and then none has to be looked for.
  const anyCopies = await hasAny(database, keyRange("copy"))
  const operations: Array<Operation> = []
  for (const [at, own] of groups.entries()) {
    const [key, value, [move]] = [keys[at], values[at], own]
    const first = key === undefined || value === undefined ? undefined : decodeRow(key, value)
    if (key === undefined || first === undefined || move === undefined) continue
    const copies = anyCopies ? await copiesIn(database, copyRange(move.kind, move.digest)) : []
    const rows = [first, ...copies]
    operations.push(...changes(key, rows, movedRows(rows, own)))
  }
  const ends = [...gone.map((pack) => del(markKey(pack))), ...marks.map(putMark)]
  // Synced, because the frames are cut off next: their rows must not come back after a power loss.
  await database.batch([...numbers.take(true).operations, ...operations, ...ends], true)
}

const eachRow = async (database: IndexDatabase, see: (row: Row | Digest) => void) => {
  for (const kind of ["chunk", "recipe"] as const)
    for await (const entries of database.pages(keyRange(kind), true))
      for (const [key, value] of entries) see(decodeRow(key, value) ?? digestOfKey(key))
  for await (const entries of database.pages(keyRange("copy")))
    for (const [key, value] of entries)
      see(decodeRow(keyOfCopy(key), value) ?? digestOfKey(keyOfCopy(key)))
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

/** Undefined when some lack, or are damaged. */
const findNumbers = async (database: IndexDatabase): Promise<IndexNumbers | undefined> => {
  try {
    const numbers: Array<Buffer> = []
    for await (const entries of database.pages(numberRange))
      numbers.push(...entries.map(([key]) => key))
    return IndexNumbers.of(database.get(baseKey), numbers)
  } catch (cause) {
    if (cause instanceof BlobFailure && cause.reason === "damaged") return undefined
    throw cause
  }
}

/**
 * Opens the index, empty when there is none, when its rows are of another format, when a write to
 * it has failed or was lost, or when its files are damaged: these go to `quarantine`, if there is
 * one. Fails when another process has it open, and when the disk does not give it or take it.
 */
export const openIndex = async (directory: string, quarantine?: string): Promise<OpenedIndex> => {
  const database = await IndexDatabase.open(directory, quarantine)
  try {
    return await indexIn(directory, database)
  } catch (cause) {
    await database.close()
    throw cause
  }
}

const indexIn = async (directory: string, database: IndexDatabase): Promise<OpenedIndex> => {
  const trust = new IndexTrust(directory)
  const found = await findNumbers(database)
  const opened: Opened = { database, numbers: found ?? new IndexNumbers() }
  let anew: Anew | undefined = database.isNew ? "missing" : undefined
  const clear = async () => {
    await database.renew()
    anew ??= "lost"
    opened.numbers = new IndexNumbers()
    await trust.give()
  }
  if (database.isNew) await trust.give()
  else if (found === undefined || !(await trust.holds())) await clear()

  return {
    anew: () => (database.isAside ? "damaged" : anew),
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
    each: (see) => eachRow(database, see),
    marks: () => readMarks(database),
    add: (rows, marks, fresh) => trust.write(() => addRows(opened, rows, marks, fresh)),
    rewrite: (rewriting) => trust.write(() => rewriteRows(opened, rewriting)),
    clear,
    close: () => database.close(),
  }
}

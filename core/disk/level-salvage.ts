/**
 * What is whole in the files of a damaged LevelDB database, read without LevelDB, which skips more
 * than is damaged, may end the process over it, and keeps none of it from its answers.
 *
 * Every block and every fragment is held against its checksum: one that is damaged costs what lies
 * in it and nothing else. Changes nothing. Knows not what keys and values mean.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs"
import { join } from "node:path"
import { crc32cOn, unmask } from "./crc32c.js"
import { Damage } from "./damage.js"
import { isLog, isTable, namesIn, numberOf } from "./database.js"
import { deletion, type LevelWrite, put, writesIn } from "./level-batch.js"
import {
  type BlockEntry,
  contentsOf,
  endOf,
  entriesOf,
  trailerBytes,
  verifyBlock,
} from "./level-block.js"
import { salvageJournal } from "./level-journal.js"
import { indexOf } from "./level-table.js"

// A block is ended by the entry that fills it, so it is as long as 4 KiB and one entry at most.
const blockBytesMax = 262_144
// Sequence number and kind, behind each key.
const keyTrailerBytes = 8

/** Reads on where a file can be read; what the disk does not give counts as damaged. */
class File {
  readonly name: string
  readonly size: number
  readonly #descriptor: number

  constructor(directory: string, name: string) {
    this.name = name
    this.#descriptor = openSync(join(directory, name), "r")
    this.size = fstatSync(this.#descriptor).size
  }

  /** As much of it as is there. */
  readonly read = (offset: number, length: number): Buffer => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.size - offset)))
    try {
      return bytes.subarray(0, readSync(this.#descriptor, bytes, 0, bytes.length, offset))
    } catch (cause) {
      throw new Damage(this.name, `cannot be read at ${offset}`, { cause })
    }
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** Undefined where it is damaged. */
const orNothing = <A>(act: () => A): A | undefined => {
  try {
    return act()
  } catch (cause) {
    if (cause instanceof Damage) return undefined
    throw cause
  }
}

/** Where a block that begins `bytes` ends, by its checksum, with its trailer; 0 where nowhere. */
const lengthOf = (bytes: Buffer): number => {
  let crc = 0
  for (let at = 0; at + 4 < bytes.length; at += 1) {
    crc = crc32cOn(crc, bytes, at, at + 1)
    if (at > 0 && unmask(bytes.readUInt32LE(at + 1)) === crc) return at + trailerBytes
  }
  return 0
}

/** The whole blocks of a table whose index is damaged: they lie one behind the other. */
function* blocksBySum(file: File): Iterable<Buffer> {
  for (let at = 0; ; ) {
    const bytes = orNothing(() => file.read(at, blockBytesMax)) ?? Buffer.alloc(0)
    const length = lengthOf(bytes)
    if (length === 0) return
    const contents = orNothing(() => contentsOf(bytes.subarray(0, length), file.name))
    if (contents !== undefined) yield contents
    at += length
  }
}

function* blocksOf(file: File): Iterable<Buffer> {
  const index = orNothing(() => indexOf(file.name, file.size, file.read))
  if (index === undefined) return yield* blocksBySum(file)
  for (const block of index.blocks) {
    const contents = orNothing(() => {
      const bytes = file.read(block.offset, endOf(block) - block.offset)
      verifyBlock(bytes, block.offset, file.name)
      return contentsOf(bytes, file.name)
    })
    if (contents !== undefined) yield contents
  }
}

/** A row of a table; undefined for an entry that is none, as those of the filter and the index. */
const writeOf = ({ key, value }: BlockEntry): LevelWrite | undefined => {
  const kind = key.at(-keyTrailerBytes)
  if (key.length < keyTrailerBytes || (kind !== put && kind !== deletion)) return undefined
  return { key: key.subarray(0, -keyTrailerBytes), value: kind === put ? value : undefined }
}

/** Of several entries of a key the first is the latest. */
function* writesOfTable(file: File): Iterable<LevelWrite> {
  let last: Buffer | undefined
  for (const contents of blocksOf(file))
    for (const entry of orNothing(() => entriesOf(contents, file.name)) ?? []) {
      const write = writeOf(entry)
      if (write === undefined) continue
      const order = last === undefined ? 1 : Buffer.compare(write.key, last)
      // Rows ascend: what does not is the index.
      if (order < 0) return
      last = write.key
      if (order > 0) yield write
    }
}

function* writesOfLog(directory: string, name: string): Iterable<LevelWrite> {
  for (const batch of salvageJournal(readFileSync(join(directory, name))))
    yield* orNothing(() => writesIn(batch, name)) ?? []
}

/**
 * All writes that are left, such that of several of one key the last one holds. Goes by the files
 * that are there, since a manifest may be damaged, or have lost its end.
 */
export async function* salvage(directory: string): AsyncIterable<LevelWrite> {
  const names = (await namesIn(directory)).filter((name) => isTable(name) || isLog(name))
  // What is written later lies in a file of a higher number.
  for (const name of names.toSorted((a, b) => numberOf(a) - numberOf(b))) {
    if (isLog(name)) {
      yield* writesOfLog(directory, name)
      continue
    }
    const file = new File(directory, name)
    try {
      yield* writesOfTable(file)
    } finally {
      file.close()
    }
  }
}

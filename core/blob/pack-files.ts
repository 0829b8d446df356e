/**
 * The pack files of a directory: their names, their order, and whole reads and writes in them.
 *
 * Knows nothing about frames.
 */
import { type FileHandle, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { hasCode } from "../model/cause.js"

const nameShape = /^([0-9]{8,})\.pack$/

/** Packs are numbered from 1, with eight digits or more. */
export const packName = (pack: number): string => `${String(pack).padStart(8, "0")}.pack`

export const packPath = (directory: string, pack: number): string => join(directory, packName(pack))

export interface PackFile {
  readonly pack: number
  /** Bytes. */
  readonly size: number
}

/** Undefined where there is none, as when its owner has just removed it. */
const sizeOf = async (path: string): Promise<number | undefined> => {
  try {
    return (await stat(path)).size
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined
    throw cause
  }
}

/** Every pack in order. */
export const listPacks = async (directory: string): Promise<ReadonlyArray<PackFile>> => {
  const files: Array<PackFile> = []
  for (const name of await readdir(directory)) {
    const number = nameShape.exec(name)?.[1]
    if (number === undefined) continue
    const size = await sizeOf(join(directory, name))
    if (size !== undefined) files.push({ pack: Number(number), size })
  }
  return files.sort((a, b) => a.pack - b.pack)
}

/** The bytes at `offset`; fewer than `length` only where the file ends. */
export const readAt = async (
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array> => {
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

const withoutFirst = (buffers: ReadonlyArray<Uint8Array>, bytes: number) => {
  let index = 0
  let rest = bytes
  for (const { length } of buffers) {
    if (rest < length) break
    rest -= length
    index += 1
  }
  const [first, ...others] = buffers.slice(index)
  return first === undefined ? [] : [first.subarray(rest), ...others]
}

/** Writes all of the buffers at `offset`, one after the other. */
export const writeAt = async (
  handle: FileHandle,
  offset: number,
  buffers: ReadonlyArray<Uint8Array>,
): Promise<void> => {
  let rest = buffers
  for (let at = offset; rest.length > 0; ) {
    const { bytesWritten } = await handle.writev(rest, at)
    if (bytesWritten === 0) throw new Error("the disk took no byte of a write")
    at += bytesWritten
    // A disk that fills up takes a part first, and refuses the next write.
    rest = withoutFirst(rest, bytesWritten)
  }
}

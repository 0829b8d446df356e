/**
 * The pack files of a directory: their names, their order, and whole reads and writes in them.
 *
 * A pack that is being rewritten has a name of its own until it is complete. Knows nothing about
 * frames.
 */
import { type FileHandle, open, readdir, stat, statfs, unlink } from "node:fs/promises"
import { join } from "node:path"
import { storageReason } from "../model/cause.js"

const nameShape = /^([0-9]{8,})\.pack$/

/** Packs are numbered from 1, with eight digits or more. */
export const packPath = (directory: string, pack: number): string =>
  join(directory, `${String(pack).padStart(8, "0")}.pack`)

/** A pack that is still being written: not one yet, and removed on the next opening. */
export const unfinishedPath = (directory: string, pack: number): string =>
  `${packPath(directory, pack)}.tmp`

export interface PackFile {
  readonly pack: number
  /** Bytes. */
  readonly size: number
}

/** Every pack in order. Removes what an interrupted rewriting left. */
export const listPacks = async (directory: string): Promise<ReadonlyArray<PackFile>> => {
  const files: Array<PackFile> = []
  for (const name of await readdir(directory)) {
    if (name.endsWith(".pack.tmp")) await unlink(join(directory, name))
    const number = nameShape.exec(name)?.[1]
    if (number === undefined) continue
    const { size } = await stat(join(directory, name))
    files.push({ pack: Number(number), size })
  }
  return files.sort((a, b) => a.pack - b.pack)
}

/** Makes the names in a directory durable. Windows cannot open one, and needs no sync of it. */
export const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await open(directory, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
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

// Less than this left is full: a write takes whole blocks, and a file system keeps some back.
const roomBytesMin = 1_048_576

const roomIn = async (directory: string): Promise<number> => {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

/** The cause of a failed write. LevelDB gives no code for a full disk, so the disk is asked. */
export const writeCause = async (
  directory: string,
  cause: unknown,
  room: (directory: string) => Promise<number> = roomIn,
): Promise<unknown> => {
  if (storageReason(cause) !== "io") return cause
  const left = await room(directory).catch(() => Number.POSITIVE_INFINITY)
  if (left >= roomBytesMin) return cause
  return Object.assign(new Error("the disk is full", { cause }), { code: "ENOSPC" })
}

/**
 * Room on a disk: whether it was missing when a write failed.
 */
import { statfs } from "node:fs/promises"
import { isDaybookError } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"

// Less than this left is full: a write takes whole blocks, and a file system keeps some back.
const roomBytesMin = 1_048_576

/** Bytes that may still be written to the disk of a directory. */
export type Room = (directory: string) => Promise<number>

export const roomIn: Room = async (directory) => {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

/** Errors that say what they are. Of the others LevelDB's give no code for a full disk. */
const isTelling = (cause: unknown): boolean =>
  isDaybookError(cause) || hasCode(cause, "LEVEL_CORRUPTION") || storageReason(cause) !== "io"

/** Whether so many bytes do not fit. A disk that cannot be asked is taken to have room. */
export const lacksRoom = async (
  directory: string,
  bytes: number,
  room: Room = roomIn,
): Promise<boolean> => (await room(directory).catch(() => Number.POSITIVE_INFINITY)) < bytes

/** Whether hardly anything can be written. */
export const isFullDisk = (directory: string, room: Room = roomIn): Promise<boolean> =>
  lacksRoom(directory, roomBytesMin, room)

/** The cause of a failed write: where it does not say that the disk is full, the disk is asked. */
export const writeCause = async (
  directory: string,
  cause: unknown,
  room: Room = roomIn,
): Promise<unknown> => {
  if (isTelling(cause) || !(await isFullDisk(directory, room))) return cause
  return Object.assign(new Error("the disk is full", { cause }), { code: "ENOSPC" })
}

/** Work that takes room in a directory: when it fails, it says so where there was none. */
export const writing = async <A>(directory: string, run: () => Promise<A>): Promise<A> => {
  try {
    return await run()
  } catch (cause) {
    throw await writeCause(directory, cause)
  }
}

/**
 * Room on a disk: whether it was missing when a write failed.
 */
import { statfs } from "node:fs/promises"
import { storageReason } from "../model/cause.js"

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

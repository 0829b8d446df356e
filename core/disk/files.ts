/**
 * Names and small files, made so that a crash or a power loss leaves the old one or the new one.
 *
 * Knows nothing of what lies in them.
 */
import { randomUUID } from "node:crypto"
import { constants } from "node:fs"
import { access, type FileHandle, mkdir, open, readFile, rename, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { hasCode } from "../model/cause.js"

/** Directories and files are for their owner alone. */
export const directoryMode = 0o700
export const fileMode = 0o600

const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants

/** For a file that is written over without a look: not for what a symlink there leads to. */
export const writtenOver = { mode: fileMode, flag: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW }

/**
 * A directory, made where there is none. Not by the recursive `mkdir` of Node, which says ENOENT
 * whatever the disk said.
 */
export const makeDirectory = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { mode: directoryMode })
  } catch (cause) {
    if (!hasCode(cause, "EEXIST")) throw cause
  }
}

const closing = async (handle: FileHandle, act: () => Promise<void>): Promise<void> => {
  try {
    await act()
  } finally {
    await handle.close()
  }
}

/** Makes what was written to a file survive a power loss. */
export const syncFile = async (path: string): Promise<void> => {
  const handle = await open(path, "r+")
  await closing(handle, () => handle.sync())
}

/** Makes the names in a directory survive a power loss. */
export const syncDirectory = async (directory: string): Promise<void> => {
  // Windows cannot open a directory as a file, and keeps names in its journal anyway.
  if (process.platform === "win32") return
  const handle = await open(directory, "r")
  await closing(handle, () => handle.sync())
}

/** A new file, durable with its name. Fails when it is there already. */
export const writeNew = async (path: string, bytes: Uint8Array | string): Promise<void> => {
  const handle = await open(path, "wx", fileMode)
  await closing(handle, async () => {
    await handle.writeFile(bytes)
    await handle.sync()
  })
  await syncDirectory(dirname(path))
}

/** Replaces a file: written in `tmp`, on the same disk, made durable, renamed. */
export const replaceFile = async (path: string, text: string, tmp: string): Promise<void> => {
  const beside = join(tmp, randomUUID())
  try {
    await writeNew(beside, text)
    await rename(beside, path)
  } catch (cause) {
    await unlink(beside).catch(() => undefined)
    throw cause
  }
  await syncDirectory(dirname(path))
}

/** The text of a file, or undefined when there is none. */
export const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined
    throw error
  }
}

export const isThere = async (path: string): Promise<boolean> => {
  try {
    await access(path)
    return true
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false
    throw error
  }
}

/**
 * Evidence: the files of a LevelDB directory, set aside before LevelDB opens it, which would remove
 * what it finds damaged; and put back when that is what it found.
 *
 * Works on databases that nobody has open. Files are not copied but get a second name.
 */
import { constants, copyFile, link, mkdir, rename, rm, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import { hasCode } from "../model/cause.js"
import { current, lockFile, namesIn } from "./database.js"
import { directoryMode, syncDirectory } from "./files.js"

// File systems without hard links, or with too many of them to a file already.
const unlinkable = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]

const linkOrCopy = async (from: string, to: string): Promise<void> => {
  try {
    await link(from, to)
  } catch (cause) {
    if (!unlinkable.some((code) => hasCode(cause, code))) throw cause
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  }
}

/** Gives every file of a closed database a second name in a new directory. */
export const setAside = async (directory: string, aside: string): Promise<void> => {
  await mkdir(aside, { mode: directoryMode })
  for (const name of await namesIn(directory))
    if (name !== lockFile) await linkOrCopy(join(directory, name), join(aside, name))
}

const isSameFile = async (one: string, other: string): Promise<boolean> => {
  const [a, b] = await Promise.all(
    [one, other].map((path) =>
      stat(path).catch((cause: unknown) => {
        if (hasCode(cause, "ENOENT")) return undefined
        throw cause
      }),
    ),
  )
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev
}

/**
 * Makes a closed database what it was when it was set aside, whatever has opened it since. Cut
 * short, it leaves files of both, and can be begun again.
 */
export const putBack = async (aside: string, directory: string): Promise<void> => {
  const names = await namesIn(aside)
  await mkdir(directory, { recursive: true, mode: directoryMode })
  // The name that leads to all others comes last: until then the newer files are a whole too.
  for (const name of [
    ...names.filter((one) => one !== current),
    ...names.filter((one) => one === current),
  ]) {
    const [from, to] = [join(aside, name), join(directory, name)]
    if (await isSameFile(from, to)) continue
    await rm(`${to}.back`, { force: true })
    await linkOrCopy(from, `${to}.back`)
    await rename(`${to}.back`, to)
  }
  for (const name of await namesIn(directory))
    if (name !== lockFile && !names.includes(name)) await unlink(join(directory, name))
  await syncDirectory(directory)
}

/** Whether two directories hold the same files under the same names. */
export const isSameEvidence = async (one: string, other: string): Promise<boolean> => {
  const [names, others] = [await namesIn(one), await namesIn(other)]
  if (names.join("/") !== others.join("/")) return false
  for (const name of names)
    if (!(await isSameFile(join(one, name), join(other, name)))) return false
  return true
}

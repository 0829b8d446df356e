/**
 * Evidence: files that are damaged, kept before anything can remove or replace them; and the files
 * of a LevelDB directory, set aside before LevelDB opens it, which would remove what it finds
 * damaged, and put back when that is what it found.
 *
 * Files are not copied but get a second name, so nobody may go on writing to them.
 */
import {
  constants,
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  unlink,
} from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { hasCode } from "../model/cause.js"
import { current, lockFile, namesIn } from "./database.js"
import { directoryMode, syncDirectory, syncFile } from "./files.js"

// File systems without hard links, or with too many of them to a file already.
const unlinkable = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"]

/** The bytes of a copy are durable: once it is renamed, the file that it is one of may go. */
const linkOrCopy = async (from: string, to: string): Promise<void> => {
  try {
    await link(from, to)
  } catch (cause) {
    if (!unlinkable.some((code) => hasCode(cause, code))) throw cause
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    await syncFile(to)
  }
}

/** What is kept under a name in a directory: `name-1`, `name-2`, and so on. */
export const keptIn = async (directory: string, name: string): Promise<ReadonlyArray<string>> => {
  const begin = `${name}-`
  const isNumber = (text: string) => /^[0-9]+$/.test(text)
  const names = await readdir(directory)
  return names.filter((one) => one.startsWith(begin) && isNumber(one.slice(begin.length)))
}

export const nextKept = (directory: string, name: string, kept: ReadonlyArray<string>): string => {
  const numbers = kept.map((one) => Number(one.slice(name.length + 1)))
  return join(directory, `${name}-${Math.max(0, ...numbers) + 1}`)
}

const compareBytes = 1_048_576

const isEqualTo = async (a: FileHandle, b: FileHandle): Promise<boolean> => {
  const [left, right] = [Buffer.alloc(compareBytes), Buffer.alloc(compareBytes)]
  for (let at = 0; ; at += compareBytes) {
    const one = await a.read(left, 0, compareBytes, at)
    const other = await b.read(right, 0, compareBytes, at)
    if (one.bytesRead !== other.bytesRead) return false
    if (one.bytesRead === 0) return true
    if (!left.subarray(0, one.bytesRead).equals(right.subarray(0, one.bytesRead))) return false
  }
}

const using = async <A>(path: string, act: (handle: FileHandle) => Promise<A>): Promise<A> => {
  const handle = await open(path, "r")
  try {
    return await act(handle)
  } finally {
    await handle.close()
  }
}

const hasSameBytes = (one: string, other: string): Promise<boolean> =>
  using(one, (a) => using(other, (b) => isEqualTo(a, b)))

const isKeptAs = async (path: string, copy: string): Promise<boolean> => {
  if (await isSameFile(path, copy)) return true
  const [one, other] = [await stat(path), await stat(copy)]
  // Where a file can have one name only, what is kept of it is a copy.
  return other.nlink === 1 && one.size === other.size && (await hasSameBytes(path, copy))
}

/**
 * Keeps a file that is damaged and may be removed or replaced: durably, under its name and a
 * number, and once, however often it is met.
 */
export const keepFile = async (path: string, directory: string): Promise<void> => {
  const name = basename(path)
  const kept = await keptIn(directory, name)
  for (const one of kept) if (await isKeptAs(path, join(directory, one))) return
  const to = nextKept(directory, name, kept)
  try {
    await linkOrCopy(path, to)
    await syncFile(to)
  } catch (cause) {
    await rm(to, { force: true })
    throw cause
  }
  await syncDirectory(directory)
}

/**
 * Moves the directory of a closed database away, durably, and not at all where it is not there.
 * Between disks only its files are moved.
 */
export const moveAside = async (directory: string, aside: string): Promise<void> => {
  try {
    await rename(directory, aside)
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return
    if (!hasCode(cause, "EXDEV")) throw cause
    await setAside(directory, aside)
    await rm(directory, { recursive: true })
  }
  await syncDirectory(dirname(aside))
  await syncDirectory(dirname(directory))
}

/** Gives every file of a closed database a second name in a new directory, durably. */
export const setAside = async (directory: string, aside: string): Promise<void> => {
  await mkdir(aside, { mode: directoryMode })
  for (const name of await namesIn(directory))
    if (name !== lockFile) await linkOrCopy(join(directory, name), join(aside, name))
  // Putting back removes what has no name here.
  await syncDirectory(aside)
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

/**
 * The files of a LevelDB directory, told apart by their names (db/filename.cc of LevelDB 1.20).
 *
 * LevelDB changes none of them in place but the write-ahead log and the manifest in use; opening
 * makes new ones and removes the old. Opens no database.
 */
import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { hasCode } from "../model/cause.js"

/** The file that names the manifest in use, which names all tables. */
export const current = "CURRENT"
/** Held by whoever has the database open, and empty. */
export const lockFile = "LOCK"

export const isTable = (name: string): boolean => /\.(ldb|sst)$/.test(name)
export const isLog = (name: string): boolean => name.endsWith(".log")
/** What LevelDB says about itself. */
export const isTold = (name: string): boolean => name === "LOG" || name === "LOG.old"

/** The number of a table or a log, as manifests give it. */
export const numberOf = (name: string): number => Number.parseInt(name, 10)

/** What LevelDB calls the file of a number. */
export const nameOf = (number: number, kind: "ldb" | "log"): string =>
  `${String(number).padStart(6, "0")}.${kind}`

const manifestShape = /^MANIFEST-(\d+)\n$/

/**
 * The number of the manifest in use, which only grows from opening to opening; undefined when the
 * directory has none that can be read, which no database is without.
 */
export const generationOf = async (directory: string): Promise<number | undefined> => {
  try {
    const text = await readFile(join(directory, current), "latin1")
    const number = manifestShape.exec(text)?.[1]
    if (number === undefined) return undefined
    await stat(join(directory, text.trimEnd()))
    return Number(number)
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined
    throw cause
  }
}

/**
 * Names of the files that are there, or none where the directory is missing. Directories are not of
 * a database: some disks put theirs everywhere.
 */
export const namesIn = async (directory: string): Promise<ReadonlyArray<string>> => {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return []
    throw cause
  }
}

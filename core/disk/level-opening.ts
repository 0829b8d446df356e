/**
 * What a LevelDB directory holds, looked at before LevelDB opens it, since its opening skips over
 * broken records, and a database that lost its CURRENT is begun anew as if it had been empty.
 *
 * Checks what is read whole anyway (MANIFEST, write-ahead logs), and that each table is there, as
 * long as it should be; their blocks are checked later. The cost does not grow with the tables'
 * sizes. Changes nothing.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { hasCode } from "../model/cause.js"
import { Damage } from "./damage.js"
import { current, isLog, isTable, nameOf, numberOf } from "./database.js"
import { readJournal } from "./level-journal.js"
import {
  type Edit,
  firstLogAfter,
  readManifest,
  rewrittenUpTo,
  tablesAfter,
} from "./level-manifest.js"
import { Table } from "./level-table.js"

/** The sign that damage was found, and what was found; beside the files of LevelDB. */
export const damagedName = "damaged"
/** The sign that no table was rewritten before it was checked: which MANIFEST, and up to where. */
export const checkedName = "checked"

const manifestName = /^MANIFEST-\d+$/

export interface Manifest {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
}

const textOf = (directory: string, name: string): string =>
  readFileSync(join(directory, name), "utf8")

const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return readdirSync(directory)
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return []
    throw cause
  }
}

/** The MANIFEST in use. */
export const currentManifest = (directory: string): Manifest => {
  const text = textOf(directory, current)
  const name = text.slice(0, -1)
  if (!manifestName.test(name) || !text.endsWith("\n"))
    throw new Damage(current, "names no MANIFEST")
  try {
    return { name, edits: readManifest(readFileSync(join(directory, name)), name) }
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) throw new Damage(name, "is missing", { cause })
    throw cause
  }
}

/**
 * A log that the MANIFEST names and that is not there was removed too early: by somebody else, or
 * by LevelDB, if the MANIFEST lost edits. Only the last log may end in the middle of a record.
 */
const checkLogs = (
  directory: string,
  names: ReadonlyArray<string>,
  edits: ReadonlyArray<Edit>,
): void => {
  const first = firstLogAfter(edits)
  const logs = names.filter((name) => isLog(name) && numberOf(name) >= first)
  if (first !== 0 && !logs.some((name) => numberOf(name) === first))
    throw new Damage(nameOf(first, "log"), "is missing")
  let torn: string | undefined
  for (const name of logs.sort((a, b) => numberOf(a) - numberOf(b))) {
    const bytes = readFileSync(join(directory, name))
    if (torn !== undefined && bytes.length > 0) throw new Damage(torn, "has lost its end")
    if (readJournal(bytes, name).torn) torn = name
  }
}

const notedDamage = (text: string): Damage => {
  const [file = "", ...what] = text.trimEnd().split(" ")
  return new Damage(file, what.join(" "))
}

/** `checked` as it is written: the name of the MANIFEST and a length of it. */
export const checkedText = (name: string, upTo: number | "all"): string => `${name} ${upTo}\n`

type Signs = Pick<Inspected, "endedWell" | "isOurs">

/**
 * What the sign tells of the process before. If that had not checked all tables, and ended before
 * it had checked what LevelDB rewrote meanwhile, nobody can say what became of it: that is damage.
 */
const signsOf = (
  directory: string,
  names: ReadonlyArray<string>,
  { name, edits }: Manifest,
): Signs => {
  const text = names.includes(checkedName) ? textOf(directory, checkedName) : ""
  if (text === checkedText(name, "all")) return { endedWell: true, isOurs: true }
  const [of, upTo] = text.trimEnd().split(" ")
  const isOurs = of === name
  if (rewrittenUpTo(edits) > (isOurs ? Number(upTo) : 0))
    throw new Damage(name, "replaced tables that a killed process had not yet checked")
  return { endedWell: false, isOurs }
}

const openTables = (
  directory: string,
  names: ReadonlyArray<string>,
  { edits }: Manifest,
): ReadonlyArray<Table> => {
  const files = new Map(names.filter(isTable).map((name) => [numberOf(name), name]))
  const tables: Array<Table> = []
  try {
    for (const entry of tablesAfter(edits)) {
      const name = files.get(entry.number)
      if (name === undefined) throw new Damage(nameOf(entry.number, "ldb"), "is missing")
      tables.push(new Table(join(directory, name), name, entry))
    }
    return tables
  } catch (cause) {
    for (const table of tables) table.close()
    throw cause
  }
}

/** What was found: tables to be checked, none where there is no database. */
export interface Inspected {
  readonly tables: ReadonlyArray<Table>
  /** Whether the process before ended well, or had checked all tables. */
  readonly endedWell: boolean
  /**
   * Whether a guard was there when the database was opened last. Each opening begins a MANIFEST of
   * another number: so nobody has written to the database who did not put it into the sign.
   */
  readonly isOurs: boolean
}

/** What is there, without a database nothing. Throws `Damage`. */
const manifestOf = (directory: string, names: ReadonlyArray<string>): Manifest | undefined => {
  if (!names.includes(current)) {
    // A killed first opening leaves a MANIFEST at most.
    if (!names.some((name) => isTable(name) || isLog(name))) return undefined
    throw new Damage(current, "is missing")
  }
  const manifest = currentManifest(directory)
  checkLogs(directory, names, manifest.edits)
  return manifest
}

/** Opens the tables of a database. Throws `Damage`, or an error of the disk. */
export const inspect = (directory: string): Inspected => {
  const names = namesIn(directory)
  if (names.includes(damagedName)) throw notedDamage(textOf(directory, damagedName))
  const manifest = manifestOf(directory, names)
  if (manifest === undefined) return { tables: [], endedWell: true, isOurs: true }
  const signs = signsOf(directory, names, manifest)
  return { tables: openTables(directory, names, manifest), ...signs }
}

/** The same for one whose tables LevelDB never rewrites: there is nothing that signs could tell. */
export const inspectUnsigned = (directory: string): ReadonlyArray<Table> => {
  const names = namesIn(directory)
  const manifest = manifestOf(directory, names)
  return manifest === undefined ? [] : openTables(directory, names, manifest)
}

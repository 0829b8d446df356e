/**
 * What is set aside of a ledger's files before LevelDB opens them, and kept where damage was found:
 * nothing here removes a damaged byte.
 *
 * The log's files have second names in `quarantine/log-opening` while it is opened and proven. When
 * it was proven these go; otherwise the log is made again what it was, and they stay as `log-1`,
 * `log-2`, …, once for each state of it. Works under the lock.
 */
import { randomUUID } from "node:crypto"
import { rename, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Damage } from "../disk/damage.js"
import { generationOf } from "../disk/database.js"
import { isSameEvidence, keepFile, keptIn, nextKept, putBack, setAside } from "../disk/evidence.js"
import { isThere, syncDirectory } from "../disk/files.js"
import { LogFailure, RecordCorrupted } from "../errors.js"
import { endOrDamage } from "../log/level-end.js"
import type { Layout } from "./layout.js"
import { readTip, type Tip } from "./tip.js"

const openingIn = ({ quarantine }: Layout): string => join(quarantine, "log-opening")

const remove = async ({ tmp, quarantine }: Layout, path: string): Promise<void> => {
  // In one step, so that evidence is whole or not there.
  const going = join(tmp, randomUUID())
  await rename(path, going)
  // Before anything is appended: an opening that comes upon the evidence puts it back.
  await syncDirectory(quarantine)
  await rm(going, { recursive: true })
}

/** Sets the log aside. Left there by an opening that was cut short, it is put back before. */
export const beginOpening = async (layout: Layout): Promise<void> => {
  const opening = openingIn(layout)
  if (await isThere(opening)) return await putBack(opening, layout.log)
  const making = join(layout.tmp, randomUUID())
  await setAside(layout.log, making)
  await rename(making, opening)
}

/** The log was proven. */
export const endOpening = (layout: Layout): Promise<void> => remove(layout, openingIn(layout))

/** The log was not proven, and nobody has it open: it is made what it was. */
export const giveUpOpening = async (layout: Layout): Promise<void> => {
  await putBack(openingIn(layout), layout.log)
  await remove(layout, openingIn(layout))
}

/**
 * The log is damaged, and nobody has it open: it is made what it was, and the evidence kept.
 * Answers with where.
 */
export const keepOpening = async (layout: Layout): Promise<string> => {
  const opening = openingIn(layout)
  await putBack(opening, layout.log)
  const kept = await keptIn(layout.quarantine, "log")
  for (const name of kept) {
    const path = join(layout.quarantine, name)
    if (!(await isSameEvidence(path, opening))) continue
    await remove(layout, opening)
    return path
  }
  const path = nextKept(layout.quarantine, "log", kept)
  await rename(opening, path)
  await syncDirectory(layout.quarantine)
  return path
}

/** The seal, if there is one that adds up; one that does not is kept as evidence. */
const tipOrEvidence = async (layout: Layout): Promise<Tip | undefined> => {
  const tip = await readTip(layout.tip)
  if (tip === undefined && (await isThere(layout.tip)))
    await keepFile(layout.tip, layout.quarantine)
  return tip
}

/** Sets the log aside, and reads what its files say of it before LevelDB opens them. */
export const inspectAside = async (layout: Layout) => {
  await beginOpening(layout)
  const tip = await tipOrEvidence(layout)
  const generation = await generationOf(layout.log)
  const end = generation === undefined ? undefined : await endOrDamage(layout.log)
  return { tip, generation, end }
}

/** The files of a log show damage by themselves. */
export const damagedLog = (directory: string, cause: Damage): LogFailure =>
  new LogFailure({
    message: `the log in ${directory} is damaged (${cause.message}): restore it from a backup`,
    operation: "open",
    reason: "damaged",
    outcome: "none",
    cause,
  })

/** Whether an opening failed because the log is not what it was. */
export const isDamage = (error: unknown): error is RecordCorrupted | LogFailure =>
  error instanceof RecordCorrupted ||
  (error instanceof LogFailure &&
    error.operation === "open" &&
    (error.reason === "damaged" || error.reason === "missing"))

/**
 * Whether a LevelDB directory is open somewhere, asked before it is moved or removed as damaged: a
 * database in use changes while it is looked at, and may seem to be what it is not.
 */
import { Level } from "level"
import { hasCode } from "../model/cause.js"

/** What LevelDB says if another process has the database open, else undefined. Touches no rows. */
export const lockedElsewhere = async (directory: string): Promise<unknown> => {
  try {
    // LevelDB takes the lock before it sees that it may neither open nor make a database here.
    await new Level(directory, { createIfMissing: false, errorIfExists: true }).open()
  } catch (cause) {
    if (hasCode(cause, "LEVEL_LOCKED")) return cause
  }
  return undefined
}

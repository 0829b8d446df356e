/**
 * The view store on LevelDB. Commits are not synced: after a crash the log is folded again.
 *
 * A scan of several ranges reads them from one snapshot, so that a row which moves between two of
 * them is seen exactly once.
 */
import { mkdir, rename } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Level } from "level"
import { directoryMode } from "../disk/files.js"
import { writing } from "../disk/room.js"
import { ViewFailure } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"
import {
  type RowWrite,
  type ScanRange,
  type StoredRow,
  ViewStore,
  type ViewStoreShape,
} from "./view-store.js"

export interface LevelViewOptions {
  readonly directory: string
  /** Where the directory goes when its files are damaged. Without it, opening then fails. */
  readonly aside?: string
}

type Database = Level<string, Uint8Array>

export const failure = (operation: string, outcome: ViewFailure["outcome"]) => (cause: unknown) =>
  new ViewFailure({
    message: `the views cannot ${operation}: look at the disk that holds view/, then reopen`,
    operation,
    reason: storageReason(cause),
    outcome,
    cause,
  })

export const openThere = async (directory: string): Promise<Database> => {
  // `view` encoding: bytes as they are. Block cache: the hot rows of a large ledger.
  const options = { keyEncoding: "utf8", valueEncoding: "view", cacheSize: 32 * 1024 * 1024 }
  const database: Database = new Level(directory, options)
  await database.open()
  return database
}

/** Files that LevelDB cannot read are moved aside as evidence: the rows can be rebuilt. */
const openDatabase = ({
  directory,
  aside,
}: LevelViewOptions): Effect.Effect<Database, ViewFailure> =>
  Effect.tryPromise({
    try: () =>
      writing(directory, async () => {
        try {
          return await openThere(directory)
        } catch (cause) {
          if (aside === undefined || !hasCode(cause, "LEVEL_CORRUPTION")) throw cause
          await rename(directory, aside)
          await mkdir(directory, { mode: directoryMode })
          return await openThere(directory)
        }
      }),
    catch: failure("open", "none"),
  })

/** The port over an open database. */
export const shapeOf = (database: Database, directory: string): ViewStoreShape => {
  const get = (key: string): Uint8Array | undefined => {
    try {
      return database.getSync(key)
    } catch (cause) {
      throw failure("read", "none")(cause)
    }
  }

  const scan = (ranges: ReadonlyArray<ScanRange>) =>
    Effect.tryPromise({
      try: async (): Promise<ReadonlyArray<ReadonlyArray<StoredRow>>> => {
        // Taken before anything is awaited: the caller knows which moment the scan sees.
        const snapshot = ranges.length > 1 ? database.snapshot() : undefined
        try {
          const scans = ranges.map(({ gte, lt, reverse, countMax }) =>
            database
              .iterator({ gte, lt, reverse, limit: countMax, ...(snapshot ? { snapshot } : {}) })
              .all(),
          )
          return await Promise.all(scans)
        } finally {
          await snapshot?.close()
        }
      },
      catch: failure("list", "none"),
    })

  const write = (writes: ReadonlyArray<RowWrite>, sync: boolean) =>
    Effect.tryPromise({
      try: () =>
        writing(directory, () =>
          database.batch(
            writes.map(({ key, value }) =>
              value === undefined
                ? { type: "del" as const, key }
                : { type: "put" as const, key, value },
            ),
            { sync },
          ),
        ),
      catch: failure("commit", "unknown"),
    })

  return {
    get,
    scan,
    commit: (writes) => write(writes, false),
    commitDurably: (writes) => write(writes, true),
    clear: (range) =>
      Effect.tryPromise({
        try: () => writing(directory, () => database.clear(range)),
        catch: failure("clear", "unknown"),
      }),
  }
}

/** The rows in a directory of their own, kept until the scope of the layer ends. */
export const layer = (options: LevelViewOptions): Layer.Layer<ViewStore, ViewFailure> =>
  Layer.effect(
    ViewStore,
    Effect.map(
      Effect.acquireRelease(openDatabase(options), (database) =>
        Effect.promise(() => database.close()),
      ),
      (database) => shapeOf(database, options.directory),
    ),
  )

/**
 * The view store on LevelDB. Writes are not synced: after a crash the log is folded again.
 *
 * A scan of several ranges reads them from one snapshot, so that a row which moves between two of
 * them is seen exactly once.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Level } from "level"
import { ViewFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import { type ScanRange, type StoredRow, ViewStore, type ViewStoreShape } from "./view-store.js"

type Database = Level<string, Uint8Array>

const failure = (operation: string, outcome: ViewFailure["outcome"]) => (cause: unknown) =>
  new ViewFailure({
    message: `the views cannot ${operation}: look at the disk that holds view/, then reopen`,
    operation,
    reason: storageReason(cause),
    outcome,
    cause,
  })

const openDatabase = (directory: string): Effect.Effect<Database, ViewFailure> =>
  Effect.tryPromise({
    try: async () => {
      // `view` encoding: bytes as they are. Block cache: the hot rows of a large ledger.
      const options = { keyEncoding: "utf8", valueEncoding: "view", cacheSize: 32 * 1024 * 1024 }
      const database: Database = new Level(directory, options)
      await database.open()
      return database
    },
    catch: failure("open", "none"),
  })

const make = (database: Database): ViewStoreShape => {
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

  return {
    get,
    scan,
    commit: (writes) =>
      Effect.tryPromise({
        try: () =>
          database.batch(
            writes.map(({ key, value }) =>
              value === undefined
                ? { type: "del" as const, key }
                : { type: "put" as const, key, value },
            ),
          ),
        catch: failure("commit", "unknown"),
      }),
    clear: (range) =>
      Effect.tryPromise({ try: () => database.clear(range), catch: failure("clear", "unknown") }),
  }
}

export const layer = (options: {
  readonly directory: string
}): Layer.Layer<ViewStore, ViewFailure> =>
  Layer.effect(
    ViewStore,
    Effect.map(
      Effect.acquireRelease(openDatabase(options.directory), (database) =>
        Effect.promise(() => database.close()),
      ),
      make,
    ),
  )

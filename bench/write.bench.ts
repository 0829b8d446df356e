/**
 * Writes that are acknowledged when they are durable, beside bare synced writes of the same records
 * and beside SQLite.
 */
import { join } from "node:path"
import { meanBytes, openStore, recordsOf, syncedWrites } from "./bare.js"
import {
  artifactCount,
  artifactName,
  callerCount,
  many,
  metadataOf,
  openWithArtifacts,
  sample,
  smallValue,
} from "./ledgers.js"
import type { Comparison, Contender } from "./measure.js"
import { openDatabase, sqliteMetadata, sqliteSaves } from "./sqlite.js"

const batched = "level, synced batches of 100"
const single = "level, synced puts"
const sampleCount = 1_000

interface Parts {
  readonly directory: string
  readonly title: string
  readonly baseline: typeof batched | typeof single
  readonly records: ReadonlyArray<Uint8Array>
}

/** Bare writes as the baseline, the ledger, and SQLite, each in a place of its own. */
const beside = async (
  { directory, title, baseline, records }: Parts,
  callers: number,
  work: (ledger: Awaited<ReturnType<typeof openWithArtifacts>>) => Contender["call"],
  sqlite: (database: ReturnType<typeof openDatabase>) => Contender,
): Promise<Comparison> => {
  const place = (name: string) => join(directory, `${title} ${name}`.replace(/\W+/g, "-"))
  const ledger = await openWithArtifacts(place("ledger"))
  const store = await openStore(place("level"))
  const database = openDatabase(place("sqlite"))
  const contenders = [
    { name: "daybook", callers, call: work(ledger) },
    syncedWrites(baseline, store, records, baseline === batched ? 100 : 1),
    sqlite(database),
  ]
  const close = async () => {
    await ledger.close()
    await store.close()
    database.close()
  }
  const detail = `${artifactCount} artifacts, records of ${meanBytes(records)}`
  return { title, detail, baseline, contenders, close }
}

const transaction = "better-sqlite3, one transaction a call"

const logMetadata = async (directory: string, callers: number): Promise<Comparison> => {
  const name = `logMetadata records ${callers}`
  const path = await sample(directory, name, async (ledger) => {
    await many(artifactCount, (index) => ledger.save(artifactName(index), smallValue(index)))
    await many(sampleCount, (index) => ledger.logMetadata(artifactName(index), metadataOf(index)))
  })
  const records = (await recordsOf(path)).slice(-sampleCount)
  const title = `logMetadata, ${callers} ${callers === 1 ? "caller" : "callers"}`
  const baseline = callers === 1 ? single : batched
  return beside(
    { directory, title, baseline, records },
    callers,
    (ledger) => (index) => ledger.logMetadata(artifactName(index), metadataOf(index)),
    (database) => sqliteMetadata(transaction, database, artifactCount, metadataOf),
  )
}

const save = async (directory: string, callers: number): Promise<Comparison> => {
  const path = await sample(directory, `save records ${callers}`, async (ledger) => {
    await many(sampleCount, (index) => ledger.save(artifactName(index), smallValue(index)))
  })
  const records = await recordsOf(path)
  const title = `save of new bytes, ${callers} ${callers === 1 ? "caller" : "callers"}`
  const baseline = callers === 1 ? single : batched
  return beside(
    { directory, title, baseline, records },
    callers,
    (ledger) => (index) => ledger.save(artifactName(index), smallValue(artifactCount + index)),
    (database) => sqliteSaves(transaction, database, artifactCount, smallValue),
  )
}

export const writes: Readonly<Record<string, (directory: string) => Promise<Comparison>>> = {
  "metadata-many": (directory) => logMetadata(directory, callerCount),
  "metadata-one": (directory) => logMetadata(directory, 1),
  "save-many": (directory) => save(directory, callerCount),
  "save-one": (directory) => save(directory, 1),
}

/**
 * Writes that are acknowledged when they are durable, beside bare synced writes of the same records
 * and beside SQLite.
 */
import { join } from "node:path"
import type { Ledger } from "daybook"
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
import { noise } from "./trees.js"

const batched = "level, synced batches of 100"
const single = "level, synced puts"
const sampleCount = 1_000
const noiseBytes = 4_096

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

/** Callers that wait together share flushes: the same saves with many of them and with one. */
const saveTogether = async (directory: string): Promise<Comparison> => {
  const baseline = "daybook, 1 caller"
  const callers = { [`daybook, ${callerCount} callers`]: callerCount, [baseline]: 1 }
  const ledgers: Array<Ledger> = []
  const contenders: Array<Contender> = []
  for (const [name, count] of Object.entries(callers)) {
    const ledger = await openWithArtifacts(join(directory, name.replace(/\W+/g, "-")))
    const call = (index: number) => ledger.save(artifactName(index), noise(index, noiseBytes))
    ledgers.push(ledger)
    contenders.push({ name, call, callers: count })
  }
  const close = async () => {
    for (const ledger of ledgers) await ledger.close()
  }
  const detail = `${artifactCount} artifacts, ${noiseBytes} bytes that nothing shrinks`
  return { title: "save, many callers beside one", detail, baseline, contenders, close }
}

export const writes: Readonly<Record<string, (directory: string) => Promise<Comparison>>> = {
  "metadata-many": (directory) => logMetadata(directory, callerCount),
  "metadata-one": (directory) => logMetadata(directory, 1),
  "save-many": (directory) => save(directory, callerCount),
  "save-one": (directory) => save(directory, 1),
  "save-together": saveTogether,
}

/**
 * Reads beside bare reads of the same bytes: events, one version by its reference, a page of them.
 */
import { join } from "node:path"
import type { Ledger } from "daybook"
import {
  fill,
  getEach,
  iterateAll,
  listRows,
  meanBytes,
  openStore,
  recordsOf,
  rowReads,
  type Store,
  versionRowsOf,
} from "./bare.js"
import {
  artifactCount,
  artifactName,
  many,
  metadataOf,
  open,
  sample,
  smallValue,
} from "./ledgers.js"
import type { Comparison, Contender } from "./measure.js"

const eventCount = 20_000
const versionCount = 5_000
const pageLength = 50

/** A ledger opened again, and a store with bytes of it. */
const beside = async (
  title: string,
  path: string,
  values: ReadonlyArray<Uint8Array>,
  contend: (ledger: Ledger, store: Store) => readonly [Contender, Contender],
): Promise<Comparison> => {
  const store = await openStore(`${path} level`)
  await fill(store, values)
  const ledger = await open(path)
  const contenders = contend(ledger, store)
  const close = async () => {
    await ledger.close()
    await store.close()
  }
  const detail = `${values.length} of ${meanBytes(values)}`
  return { title, detail, baseline: contenders[1].name, contenders, close }
}

const manyEvents = async (ledger: Ledger) => {
  await many(artifactCount, (index) => ledger.save(artifactName(index), smallValue(index)))
  await many(eventCount, (index) => ledger.logMetadata(artifactName(index), metadataOf(index)))
}

const replay = async (directory: string): Promise<Comparison> => {
  const path = await sample(directory, "replay", manyEvents)
  const records = await recordsOf(path)
  const bare = "level, iterate and unpack"
  return beside("replay of all events", path, records, (ledger, store) => {
    const call = async () => {
      let found = 0
      for await (const { position } of ledger.replay({ after: 1 })) found += position > 0 ? 1 : 0
      if (found !== records.length) throw new Error(`replayed ${found} events`)
    }
    const count = records.length
    return [{ name: "daybook", times: count, call }, iterateAll(bare, store, count)]
  })
}

const manyVersions = async (ledger: Ledger) => {
  await many(versionCount, (index) => ledger.save(artifactName(index), smallValue(index)))
}

const get = async (directory: string): Promise<Comparison> => {
  const path = await sample(directory, "get", async (ledger) => {
    await manyVersions(ledger)
    await ledger.defineTag("production", { exclusive: true })
    await many(artifactCount, (index) => ledger.tag(`${artifactName(index)}@2`, "production"))
  })
  const rows = await versionRowsOf(path)
  return beside("get of name@tag", path, rows, (ledger, store) => [
    {
      name: "daybook",
      call: (index) => ledger.get(`${artifactName(index * 7)}@production`),
    },
    getEach("level, getSync and unpack of one row", store, rows.length),
  ])
}

const list = async (directory: string): Promise<Comparison> => {
  const path = await sample(directory, "list", manyVersions)
  const rows = await versionRowsOf(path)
  return beside(`list of ${pageLength} versions`, path, rows, (ledger, store) => [
    {
      name: "daybook",
      call: async () => {
        const { entries } = await ledger.listVersions({ limit: pageLength })
        if (entries.length !== pageLength) throw new Error(`listed ${entries.length} versions`)
      },
    },
    listRows("level, iterate and unpack", store, pageLength),
  ])
}

const rowCount = 12

/** Not about the ledger but under it: why decisions read row by row. */
const rows = async (directory: string): Promise<Comparison> => {
  const path = await sample(directory, "rows", manyVersions)
  const values = await versionRowsOf(path)
  const store = await openStore(join(directory, "rows level"))
  await fill(store, values)
  return {
    title: `${rowCount} rows of LevelDB`,
    detail: `out of ${values.length} of ${meanBytes(values)}, hot`,
    baseline: "getMany",
    contenders: rowReads(store, values.length, rowCount),
    close: () => store.close(),
  }
}

export const reads: Readonly<Record<string, (directory: string) => Promise<Comparison>>> = {
  replay,
  get,
  list,
  rows,
}

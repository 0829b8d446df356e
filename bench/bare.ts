/**
 * The bare parts: LevelDB and MessagePack used as one would without a ledger around them.
 *
 * Takes its bytes out of a closed ledger's directory, so that both sides write and read the same
 * ones. Knows of Daybook's formats that a record has a header of 5 bytes and a view row one of 4.
 */
import { join } from "node:path"
import { Level } from "level"
import { unpack } from "msgpackr"
import type { Contender } from "./measure.js"

type Bytes = Uint8Array
export type Store = Level<Uint8Array, Uint8Array>

/** A thousand rows or fewer. */
export interface PackedRows {
  /** Of a key, of its value, of the next key, … */
  readonly lengths: Uint32Array
  readonly bytes: Uint8Array
}

const recordHeaderBytes = 5
const rowHeaderBytes = 4

const options = { keyEncoding: "view", valueEncoding: "view" } as const

export const openStore = async (directory: string): Promise<Store> => {
  const store: Store = new Level<Uint8Array, Uint8Array>(directory, options)
  await store.open()
  return store
}

const valuesOf = async (directory: string): Promise<ReadonlyArray<readonly [Bytes, Bytes]>> => {
  const store = await openStore(directory)
  const entries = await store.iterator().all()
  await store.close()
  return entries
}

/** The records of a closed ledger, header and body, without its first event. */
export const recordsOf = async (ledger: string): Promise<ReadonlyArray<Bytes>> =>
  (await valuesOf(join(ledger, "log"))).slice(1).map(([, value]) => value)

/**
 * All rows of the views of a closed ledger, each key before its value, in few buffers: millions of
 * small ones would slow down the garbage collector for whoever is measured beside them.
 */
export const rowsOf = async (ledger: string): Promise<ReadonlyArray<PackedRows>> => {
  const store = await openStore(join(ledger, "view"))
  const iterator = store.iterator({ highWaterMarkBytes: 262_144 })
  const packed: Array<PackedRows> = []
  for (;;) {
    const entries = await iterator.nextv(1_000)
    if (entries.length === 0) break
    const lengths = entries.flat().map(({ length }) => length)
    packed.push({ lengths: Uint32Array.from(lengths), bytes: Buffer.concat(entries.flat()) })
  }
  await iterator.close()
  await store.close()
  return packed
}

const unpackRows = function* ({ lengths, bytes }: PackedRows) {
  let at = 0
  const next = (length = 0): Bytes => {
    at += length
    return bytes.subarray(at - length, at)
  }
  for (let index = 0; index < lengths.length; index += 2)
    yield { type: "put", key: next(lengths[index]), value: next(lengths[index + 1]) } as const
}

const isVersion = (row: Bytes): boolean => {
  const body: unknown = unpack(row.subarray(rowHeaderBytes))
  const value: unknown = Array.isArray(body) ? body[2] : undefined
  return typeof value === "object" && value !== null && "saveType" in value
}

const isLive = (key: Bytes): boolean => key[0] === "n".charCodeAt(0)

/** The rows of a closed ledger's versions as they are now. */
export const versionRowsOf = async (ledger: string): Promise<ReadonlyArray<Bytes>> =>
  (await valuesOf(join(ledger, "view")))
    .filter(([key, row]) => isLive(key) && isVersion(row))
    .map(([, row]) => row)

/** For people: how large these are. */
export const meanBytes = (values: ReadonlyArray<Bytes>): string => {
  const bytes = values.reduce((sum, { length }) => sum + length, 0)
  return `${Math.round(bytes / values.length)} bytes`
}

export const keyOf = (position: number): Uint8Array => {
  const key = Buffer.allocUnsafe(8)
  key.writeBigUInt64BE(BigInt(position))
  return key
}

/** Puts values under ascending keys, `count` in one synced batch. */
export const syncedWrites = (
  name: string,
  store: Store,
  values: ReadonlyArray<Bytes>,
  count: number,
): Contender => {
  let position = 0
  const put = () => {
    position += 1
    const value = values[position % values.length] ?? new Uint8Array(0)
    return { type: "put", key: keyOf(position), value } as const
  }
  return {
    name,
    times: count,
    call: () => store.batch(Array.from({ length: count }, put), { sync: true }),
  }
}

/** Fills a store with values under the keys 1 to their number. */
export const fill = async (store: Store, values: ReadonlyArray<Bytes>): Promise<void> => {
  const puts = values.map((value, index) => {
    return { type: "put", key: keyOf(index + 1), value } as const
  })
  for (let start = 0; start < puts.length; start += 1_000)
    await store.batch(puts.slice(start, start + 1_000))
}

/** Puts these rows, a thousand in a batch. */
export const putAll = async (store: Store, rows: ReadonlyArray<PackedRows>): Promise<void> => {
  for (const packed of rows) await store.batch([...unpackRows(packed)])
}

/** Iterates over everything and unpacks what is behind the header of each record. */
export const iterateAll = (name: string, store: Store, count: number): Contender => ({
  name,
  times: count,
  call: async () => {
    const iterator = store.iterator({ highWaterMarkBytes: 262_144 })
    let found = 0
    for (;;) {
      const entries = await iterator.nextv(1_000)
      if (entries.length === 0) break
      for (const [, value] of entries) {
        unpack(value.subarray(recordHeaderBytes))
        found += 1
      }
    }
    await iterator.close()
    if (found !== count) throw new Error(`iterated over ${found} records, not ${count}`)
  },
})

const unpackRow = (row: Bytes | undefined): void => {
  if (row === undefined) throw new Error("a row is missing")
  unpack(row.subarray(rowHeaderBytes))
}

/** Reads one row after the other, scattered over all, and unpacks it. */
export const getEach = (name: string, store: Store, count: number): Contender => ({
  name,
  times: 100,
  call: (index) => {
    for (let step = 0; step < 100; step += 1)
      unpackRow(store.getSync(keyOf((((index * 100 + step) * 7_919) % count) + 1)))
  },
})

/** Reads `length` neighbouring rows from the end and unpacks them. */
export const listRows = (name: string, store: Store, length: number): Contender => ({
  name,
  call: async () => {
    const rows = await store.values({ reverse: true, limit: length }).all()
    for (const row of rows) unpackRow(row)
    if (rows.length !== length) throw new Error(`listed ${rows.length} rows, not ${length}`)
  },
})

/** The same rows in three ways: what decisions would pay for reading what they need. */
export const rowReads = (store: Store, count: number, rows: number): ReadonlyArray<Contender> => {
  const keysOf = (index: number) =>
    Array.from({ length: rows }, (_, row) => keyOf((((index * rows + row) * 7_919) % count) + 1))
  return [
    {
      name: "getSync, row by row",
      times: rows,
      call: (index) => {
        for (const key of keysOf(index)) store.getSync(key)
      },
    },
    { name: "getMany", times: rows, call: (index) => store.getMany(keysOf(index)) },
    {
      name: "get, awaited row by row",
      times: rows,
      call: async (index) => {
        for (const key of keysOf(index)) await store.get(key)
      },
    },
  ]
}

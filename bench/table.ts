/**
 * A large table of made-up flights as CSV, and versions of it: each is the one before with a few
 * rows inserted, changed or removed at random places.
 *
 * The same seed makes the same bytes everywhere. Knows nothing of who keeps them.
 */
import { writeFile } from "node:fs/promises"

/** At least 0, less than 1. */
export type Random = () => number

/** Mulberry32: 32 bits of state, which are plenty for tables. */
export const randomOf = (seed: number): Random => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const header =
  "id,departed,carrier,flight,tail,origin,destination,distance,minutes,delay,fare," +
  "latitude,longitude,booking,remark"

const carriers: ReadonlyArray<string> = [
  "Northern Lights",
  "Blue Wing",
  "Coastal Air",
  "Summit Express",
  "Transatlantic",
  "Regional Link",
]

const wordsIn = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

const places = wordsIn(`
  Amsterdam Athens Barcelona Bergen Berlin Bilbao Bologna Bordeaux Brussels Bucharest Budapest
  Cork Dublin Florence Geneva Glasgow Gothenburg Hamburg Helsinki Istanbul Krakow Lisbon London
  Lyon Madrid Malaga Marseille Milan Munich Naples Nice Oslo Palermo Paris Porto Prague
  Reykjavik Riga Rome Rotterdam Seville Sofia Stockholm Stuttgart Tallinn Toulouse Turin
  Valencia Venice Vienna Vilnius Warsaw Zagreb Zurich
`)

const words = wordsIn(`
  after again aircraft apron baggage before boarding bridge cabin catering changed checked
  closed cleared crew crosswind deicing delayed door early fog front fuel gate ground holding
  inbound late loaded missing moved nothing only passengers pushed queue rain ready repaired
  runway seats slot snow stand tower traffic transfer turned two waited weather wind
`)

const wordCount = 15
const departureMilliseconds = 7_000
const firstDeparture = Date.UTC(2026, 0, 1)

const rowOf = (id: number, random: Random): string => {
  const below = (limit: number) => Math.floor(random() * limit)
  const one = (values: ReadonlyArray<string>): string => values[below(values.length)] ?? ""
  const carrier = one(carriers)
  const letters = String.fromCharCode(65 + below(26), 65 + below(26))
  const booking = below(2 ** 32).toString(16) + below(2 ** 32).toString(16)
  const remark = Array.from({ length: wordCount }, () => one(words)).join(" ")
  return [
    id,
    new Date(firstDeparture + id * departureMilliseconds).toISOString(),
    carrier,
    `${carrier.slice(0, 2).toUpperCase()}${100 + below(4_900)}`,
    `N${100 + below(300)}${letters}`,
    one(places),
    one(places),
    200 + below(3_000),
    40 + below(300),
    below(60) - 15,
    (30 + below(40_000) / 100).toFixed(2),
    (36 + random() * 28).toFixed(5),
    (random() * 50 - 22).toFixed(5),
    booking,
    remark,
  ].join(",")
}

export interface Table {
  readonly rows: Array<string>
  readonly random: Random
  /** Of the next row that is inserted. */
  nextId: number
}

export const tableOf = (rowCount: number, seed: number): Table => {
  const random = randomOf(seed)
  const rows = Array.from({ length: rowCount }, (_, id) => rowOf(id, random))
  return { rows, random, nextId: rowCount }
}

const kinds = ["insert", "change", "remove"] as const

/** Each edit takes one to three rows that follow each other, anywhere. */
export const edit = (table: Table, editCount: number): void => {
  const { rows, random } = table
  for (let done = 0; done < editCount; done += 1) {
    const kind = kinds[Math.floor(random() * kinds.length)]
    const count = 1 + Math.floor(random() * 3)
    const at = Math.floor(random() * rows.length)
    const fresh: Array<string> = []
    for (let row = 0; row < count && kind !== "remove"; row += 1) {
      fresh.push(rowOf(table.nextId, random))
      table.nextId += 1
    }
    rows.splice(at, kind === "insert" ? 0 : count, ...fresh)
  }
}

export const writeTable = ({ rows }: Table, path: string): Promise<void> =>
  writeFile(path, `${header}\n${rows.join("\n")}\n`)

/**
 * A large ledger: reading it, folding it, opening it, its room on the disk and in memory.
 *
 *   npm run large -- [--events 1000000] [--rounds 3] [--directory results]
 *
 * Ratios are of two ways that take turns in one run, medians over the rounds. Memory is that of a
 * process of its own, which does one thing.
 */
import { spawnSync } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type Ledger, openLedger } from "daybook"
import { iterateAll, openStore, putAll, rowsOf } from "./bare.js"
import { artifactCount, artifactName, many, metadataOf, open, smallValue } from "./ledgers.js"
import { bytesIn } from "./trees.js"

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    directory: { type: "string", default: fileURLToPath(new URL("results", import.meta.url)) },
  },
})
const eventCount = Number(values.events)
const rounds = Number(values.rounds)

/** Mixed events: of twenty, fourteen log metadata, four save, one tags and one takes a tag off. */
const mixed = async (ledger: Ledger, count: number): Promise<void> => {
  await many(artifactCount, (index) => ledger.save(artifactName(index), smallValue(index)))
  await many(count - artifactCount, (index) => {
    const name = artifactName(index)
    const kind = index % 20
    if (kind < 14) return ledger.logMetadata(name, metadataOf(index))
    if (kind < 18) return ledger.save(name, smallValue(index))
    return kind === 18 ? ledger.tag(name, "seen") : ledger.untag(name, "seen")
  })
}

const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}

const medianOf = (numbers: ReadonlyArray<number>): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

interface Raced {
  readonly milliseconds: number
  readonly bare: number
  /** Speed as a part of the bare way's. */
  readonly ratio: number
}

const race = async (own: () => Promise<unknown>, bare: () => Promise<unknown>): Promise<Raced> => {
  const pairs: Array<readonly [number, number]> = []
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0 ? await timed(own) : 0
    const other = await timed(bare)
    pairs.push([round % 2 === 0 ? first : await timed(own), other])
  }
  return {
    milliseconds: medianOf(pairs.map(([own]) => own)),
    bare: medianOf(pairs.map(([, bare]) => bare)),
    ratio: medianOf(pairs.map(([own, bare]) => bare / own)),
  }
}

const readAll = async (path: string): Promise<Raced> => {
  const ledger = await open(path)
  const store = await openStore(`${path} log`)
  const { position } = ledger
  const own = async () => {
    let found = 0
    for await (const { position } of ledger.replay({})) found += position > 0 ? 1 : 0
    if (found !== position) throw new Error(`read ${found} events, not ${position}`)
  }
  const bare = iterateAll("bare", store, position)
  const raced = await race(own, async () => void (await bare.call(0)))
  await store.close()
  await ledger.close()
  return raced
}

const foldAll = async (path: string, directory: string): Promise<Raced> => {
  const rows = await rowsOf(path)
  const own = async () => {
    await rm(join(path, "view"), { recursive: true })
    await (await open(path)).close()
  }
  const bare = async () => {
    const place = await mkdtemp(join(directory, "rows-"))
    const store = await openStore(join(place, "store"))
    await putAll(store, rows)
    await store.close()
    await rm(place, { recursive: true })
  }
  return await race(own, bare)
}

/** Opening and closing; then opening what was left by a process that was killed. */
const reopen = async (path: string) => {
  const clean: Array<number> = []
  const killed: Array<number> = []
  const left = `${path} killed`
  const alive = await openLedger({ directory: path })
  await many(2_000, (index) => alive.logMetadata(artifactName(index), metadataOf(index)))
  await cp(path, left, { recursive: true })
  await alive.close()
  for (let round = 0; round < rounds * 3; round += 1) {
    const begun = performance.now()
    const ledger = await openLedger({ directory: path })
    clean.push(performance.now() - begun)
    await ledger.close()
    const copy = `${left} ${round}`
    await cp(left, copy, { recursive: true })
    await rm(join(copy, "lock", "owner"))
    const again = performance.now()
    const found = await openLedger({ directory: copy })
    killed.push(performance.now() - again)
    await found.close()
    await rm(copy, { recursive: true })
  }
  await rm(left, { recursive: true })
  return { clean: medianOf(clean), killed: medianOf(killed) }
}

/** Of a process, in MiB. */
interface Memory {
  /** The most that it ever had for itself, garbage that was not collected yet included. */
  readonly most: number
  /** The most pages of files that it had mapped: the system takes them back at need. */
  readonly mapped: number
  /** What V8 holds when all garbage was collected and the ledger is still open. */
  readonly held: number
}

/** The memory of a process that opens the ledger and does this. */
const memoryOf = (path: string, act: string): Memory => {
  const script = `
    import { readFileSync } from "node:fs"
    import { openLedger } from ${JSON.stringify(new URL("../dist/core/index.js", import.meta.url))}
    const mebibytes = (bytes) => Math.round(bytes / 2 ** 20)
    let [most, mapped] = [0, 0]
    const look = () => {
      const status = readFileSync("/proc/self/status", "utf8")
      most = Math.max(most, Number(/RssAnon:\\s+(\\d+)/.exec(status)[1]) * 1024)
      mapped = Math.max(mapped, Number(/RssFile:\\s+(\\d+)/.exec(status)[1]) * 1024)
    }
    const timer = setInterval(look, 5)
    const ledger = await openLedger({ directory: ${JSON.stringify(path)} })
    ${act}
    look()
    gc()
    const { heapUsed, external } = process.memoryUsage()
    await ledger.close()
    look()
    clearInterval(timer)
    const held = heapUsed + external
    console.log(JSON.stringify({
      most: mebibytes(most), mapped: mebibytes(mapped), held: mebibytes(held),
    }))`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--expose-gc", "--input-type=module", "--eval", script],
    {
      encoding: "utf8",
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    },
  )
  if (stderr !== "") throw new Error(stderr)
  return JSON.parse(stdout) as Memory
}

const acts = {
  "opening only": "",
  replaying: "for await (const event of ledger.replay({})) void event",
  listing: "for await (const version of ledger.versions()) void version",
  saving: `for (let n = 0; n < 5000; n += 50) await Promise.all(Array.from({ length: 50 },
    (_, i) => ledger.save("memory " + (i % 9), { n, i, text: "x".repeat(200) })))`,
}

const directory = resolve(values.directory)
await mkdir(directory, { recursive: true })
const work = await mkdtemp(join(directory, "large-"))
const result: Record<string, unknown> = {}
const note = (name: string, value: unknown): void => {
  result[name] = value
  console.log(name, JSON.stringify(value))
}

try {
  console.log(`Node ${process.version}, ${availableParallelism()} cores, ${eventCount} events`)
  const small = join(work, "small")
  const large = join(work, "large")
  for (const [path, count] of [
    [small, Math.min(10_000, eventCount)],
    [large, eventCount],
  ] as const) {
    const ledger = await open(path)
    const milliseconds = await timed(() => mixed(ledger, count))
    await ledger.close()
    note(`making ${count} events`, { eventsPerSecond: Math.round((count * 1_000) / milliseconds) })
  }
  const [log, view] = [await bytesIn(join(large, "log")), await bytesIn(join(large, "view"))]
  note("bytes", { log, view, ratio: view / log })
  note("reopening 10,000 events, ms", await reopen(small))
  note(`reopening ${eventCount} events, ms`, await reopen(large))
  await cp(join(large, "log"), `${large} log`, { recursive: true })
  note("reading all events", await readAll(large))
  note("folding all events", await foldAll(large, work))
  for (const [name, act] of Object.entries(acts))
    note(`memory while ${name}, MiB`, {
      small: memoryOf(small, act),
      large: memoryOf(large, act),
    })
} finally {
  await rm(work, { recursive: true, force: true })
}

const time = new Date().toISOString()
const file = join(directory, `large-${time.replace(/[:.]/g, "-")}.json`)
const machine = { node: process.version, cores: availableParallelism(), platform: process.platform }
await writeFile(file, `${JSON.stringify({ time, machine, eventCount, result }, undefined, 2)}\n`)
console.log(`\n${file}`)

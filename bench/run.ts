/**
 * Runs the comparisons one after the other, prints a table and writes the figures down as JSON.
 *
 *   npm start -- [names…] [--rounds 9] [--milliseconds 500] [--in-row] [--directory results]
 *
 * Knows nothing of what is measured.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { folders } from "./folder.bench.js"
import { intakes } from "./intake.bench.js"
import { type Measured, measure } from "./measure.js"
import { reads } from "./read.bench.js"
import { writes } from "./write.bench.js"
import { zips } from "./zip.bench.js"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "9" },
    milliseconds: { type: "string", default: "500" },
    "in-row": { type: "boolean", default: false },
    // On the disk that holds this repository: a temporary directory may be in memory, where an
    // fsync costs nothing.
    directory: { type: "string", default: fileURLToPath(new URL("results", import.meta.url)) },
  },
})

const effort = {
  rounds: Number(values.rounds),
  milliseconds: Number(values.milliseconds),
  inRow: values["in-row"],
}
const comparisons = { ...writes, ...reads, ...intakes, ...folders, ...zips }
const unknown = positionals.filter((name) => !Object.hasOwn(comparisons, name))
if (unknown.length > 0)
  throw new Error(`no ${unknown.join(", ")}; there is ${Object.keys(comparisons).join(", ")}`)
const wanted = Object.entries(comparisons).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name),
)

const row = (name: string, speed: string, ratio: string, processor: string): void =>
  console.log(name.padEnd(42) + speed.padStart(10) + ratio.padStart(8) + processor.padStart(12))

/** Three digits of what is slow. */
const shown = (speed: number): string =>
  speed < 100 ? speed.toPrecision(3) : Math.round(speed).toLocaleString("en")

const print = ({ title, detail, speeds }: Measured): void => {
  console.log(`\n${title}; ${detail}`)
  row("", "a second", "ratio", "µs of CPU")
  for (const { name, median, ratio, processor } of speeds) {
    row(`  ${name}`, shown(median), ratio.toFixed(2), processor.toFixed(1))
  }
}

const directory = resolve(values.directory)
await mkdir(directory, { recursive: true })
console.log(
  `Node ${process.version}, ${availableParallelism()} cores; ` +
    `medians of ${effort.rounds} ${effort.inRow ? "" : "interleaved "}rounds of ` +
    `${effort.milliseconds} ms`,
)
const results: Array<Measured> = []
for (const [, prepare] of wanted) {
  const work = await mkdtemp(join(directory, "work-"))
  try {
    const comparison = await prepare(work)
    const measured = await measure(comparison, effort)
    await comparison.close()
    print(measured)
    results.push(measured)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const time = new Date().toISOString()
const file = join(directory, `${time.replace(/[:.]/g, "-")}.json`)
const machine = { node: process.version, cores: availableParallelism(), platform: process.platform }
await writeFile(file, `${JSON.stringify({ time, machine, effort, results }, undefined, 2)}\n`)
console.log(`\n${file}`)

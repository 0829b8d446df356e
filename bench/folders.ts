/**
 * Folders of many files: registering one, its drift, its archive and checking it out, each in a
 * process of its own, with the time that it takes and the most memory that is resident meanwhile.
 *
 *   npm run folders -- [--entries 200000] [--shape deep | flat] [--mode link | copy]
 *
 * The files are small, made first and removed in the end. Memory needs `/proc`.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    entries: { type: "string", default: "200000" },
    shape: { type: "string", default: "deep" },
    mode: { type: "string", default: "link" },
  },
})
const count = Number(values.entries)
const mode = values.mode === "copy" ? "copy" : "link"

/** Deep: 40,000 directories in four levels. Flat: one. */
const directoryOf = (root: string, index: number): string => {
  if (values.shape === "flat") return root
  const levels = [index % 10, Math.floor(index / 10) % 20, Math.floor(index / 200) % 20]
  return join(root, ...levels.map(String), String(Math.floor(index / 4_000) % 10))
}

const fill = (root: string): void => {
  for (let index = 0; index < count; index += 1) {
    const directory = directoryOf(root, index)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `file-${index}.txt`), `content of file ${index}\n`)
  }
}

const here = fileURLToPath(new URL(".", import.meta.url))
const program = JSON.stringify(new URL("../dist/core/index.js", import.meta.url))

/** Opens the ledger in a process of its own, does this, and tells what it took. */
const report = (what: string, ledger: string, act: string): void => {
  const script = `
    import { readFileSync } from "node:fs"
    import { openLedger } from ${program}
    const resident = () => {
      const most = /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))
      return Math.round((Number(most[1]) * 1_024) / 1e6)
    }
    const ledger = await openLedger({ directory: ${JSON.stringify(ledger)}, actor: "ann" })
    const before = resident()
    const [begun, used] = [performance.now(), process.cpuUsage()]
    const said = await (async () => { ${act} })()
    const seconds = ((performance.now() - begun) / 1_000).toFixed(1)
    const { user, system } = process.cpuUsage(used)
    const processor = ((user + system) / 1e6).toFixed(1)
    const memory = resident() + " MB resident at most, " + before + " when it was open"
    await ledger.close()
    console.log([seconds + " s", processor + " s of CPU", memory, said ?? []].flat().join(", "))`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", script],
    { encoding: "utf8", cwd: here },
  )
  if (stderr !== "") throw new Error(stderr)
  console.log(`${what}: ${stdout.trim()}`)
}

const results = join(here, "results")
mkdirSync(results, { recursive: true })
const work = await mkdtemp(join(results, "work-"))
const folder = join(work, "folder")
mkdirSync(folder)
try {
  fill(folder)
  console.log(`${count} files, ${values.shape}`)
  const ledger = join(work, "ledger")
  const given = JSON.stringify(folder)
  report(
    `register, ${mode}`,
    ledger,
    `await ledger.register(${given}, { name: "f", mode: "${mode}" })`,
  )
  if (mode === "link") report("drift", ledger, `return (await ledger.drift("f")).text`)
  else
    report("checkout", ledger, `await ledger.checkout("f", ${JSON.stringify(join(work, "out"))})`)
  const sending = `
    let bytes = 0
    for await (const some of (await ledger.zip("f")).stream()) bytes += some.length
    return (bytes / 1e6).toFixed(0) + " MB sent"`
  report("zip", ledger, sending)
} finally {
  await rm(work, { recursive: true })
}

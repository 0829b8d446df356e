/**
 * Folders of many files: registering one, its drift, its archive and checking it out, with the time
 * that each takes and the most memory that the process had meanwhile.
 *
 *   npm run folders -- [--entries 200000] [--shape deep | flat] [--mode link | copy] [--no-zip]
 *
 * The files are small, made first and removed in the end. Memory needs `/proc`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { open } from "./ledgers.js"

const { values } = parseArgs({
  options: {
    entries: { type: "string", default: "200000" },
    shape: { type: "string", default: "deep" },
    mode: { type: "string", default: "link" },
    "no-zip": { type: "boolean", default: false },
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

const status = (name: string): number => {
  if (!existsSync("/proc/self/status")) return Number.NaN
  const line = new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))
  return Math.round((Number(line?.[1]) * 1_024) / 1e6)
}

const report = async (what: string, act: () => Promise<unknown>): Promise<void> => {
  // The peak begins anew.
  if (existsSync("/proc/self/clear_refs")) writeFileSync("/proc/self/clear_refs", "5")
  const [begun, used] = [performance.now(), process.cpuUsage()]
  const answer = await act()
  const { user, system } = process.cpuUsage(used)
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1)
  const processor = ((user + system) / 1e6).toFixed(1)
  const said = typeof answer === "string" ? `, ${answer}` : ""
  console.log(`${what}: ${seconds} s, ${processor} s of CPU, ${status("VmHWM")} MB at most${said}`)
}

const results = fileURLToPath(new URL("results", import.meta.url))
mkdirSync(results, { recursive: true })
const work = await mkdtemp(join(results, "work-"))
const folder = join(work, "folder")
mkdirSync(folder)
fill(folder)
const ledger = await open(join(work, "ledger"))
console.log(`${count} files, ${values.shape}; ${status("VmRSS")} MB before`)
try {
  await report(
    `register, ${mode}`,
    async () => void (await ledger.register(folder, { name: "f", mode })),
  )
  if (mode === "link") await report("drift", async () => (await ledger.drift("f")).text)
  else await report("checkout", async () => void (await ledger.checkout("f", join(work, "out"))))
  if (!values["no-zip"])
    await report("zip", async () => {
      let bytes = 0
      for await (const some of (await ledger.zip("f")).stream()) bytes += some.length
      return `${(bytes / 1e6).toFixed(0)} MB`
    })
} finally {
  await ledger.close()
  await rm(work, { recursive: true })
}

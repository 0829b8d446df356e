/**
 * A race for paths: while one process exchanges folders and files for symlinks to the outside, as
 * fast as it can, another registers them and hands them out. No byte from outside ever appears.
 */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { isDaybookError } from "../errors.js"
import { opened, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

const runs = Number(process.env.RACE_RUNS ?? 100)
const secret = "only outside"

/** Exchanges, over and over: a folder on the way, one below, and a file. */
const swapper = `
const { renameSync, symlinkSync, unlinkSync, existsSync } = require("node:fs")
const [root, outside] = process.argv.slice(1)
const swap = (path, target) => {
  renameSync(path, path + ".aside")
  symlinkSync(target, path)
  for (let spin = 0; spin < Math.random() * 20000; spin += 1);
  unlinkSync(path)
  renameSync(path + ".aside", path)
}
process.stdout.write("ready")
for (;;) {
  swap(root + "/run", outside + "/run")
  swap(root + "/run/d", outside + "/run/d")
  swap(root + "/run/d/file.txt", outside + "/run/d/file.txt")
}
`

const folders = (directory: string, content: string): void => {
  mkdirSync(join(directory, "run", "d", "e"), { recursive: true })
  for (const path of ["run/top.txt", "run/d/file.txt", "run/d/e/deep.txt"])
    writeFileSync(join(directory, path), content.repeat(20_000))
}

const begin = async (root: string, outside: string): Promise<void> => {
  const child = spawn(process.execPath, ["-e", swapper, root, outside], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  await new Promise((resolve) => child.stdout.once("data", resolve))
}

/** What comes of an act: done, or refused by an error of ours. */
const attempt = async (act: () => Promise<unknown>): Promise<"done" | "refused"> => {
  try {
    await act()
    return "done"
  } catch (error) {
    if (isDaybookError(error)) return "refused"
    throw error
  }
}

const expectInside = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  const parts: Array<Uint8Array> = []
  for await (const part of bytes) parts.push(part)
  expect(Buffer.concat(parts).includes(secret)).toBe(false)
}

const raceOnce = async (ledger: PromiseLedger, root: string, run: number) => {
  const mode = run % 2 === 0 ? "copy" : "link"
  const name = `run ${run}`
  const registered = await attempt(() => ledger.register(join(root, "run"), { name, mode }))
  const serve = registered === "done" ? name : "before"
  const acts = [
    () => ledger.register(join(root, "run", "d", "file.txt"), { name: `file ${run}`, mode }),
    async () => expectInside((await ledger.zip(serve, { check: "none" })).stream()),
    async () => expectInside(ledger.open(serve, "d/file.txt")),
    () => ledger.drift("before"),
  ]
  const outcomes = [registered]
  for (const act of acts) outcomes.push(await attempt(act))
  return outcomes
}

/** Every file that was kept, of every version. */
const expectKept = async (ledger: PromiseLedger): Promise<void> => {
  for await (const { id, content } of ledger.versions())
    for (const { path, kind, target } of content.entries ?? [])
      if (kind === "symlink") expect(target).toContain("outside")
      else await attempt(() => expectInside(ledger.open(id, path)))
}

describe("paths that are exchanged while they are used", () => {
  it(
    `give no byte from outside, in ${runs} runs`,
    async () => {
      const root = join(temporary(), "root")
      const outside = join(temporary(), "outside")
      folders(root, "inside ")
      folders(outside, secret)
      const ledger = await opened({ memory: true, roots: { root } })
      await ledger.register(join(root, "run"), { name: "before" })
      await begin(root, outside)
      const counts = { done: 0, refused: 0 }
      for (let run = 0; run < runs; run += 1)
        for (const outcome of await raceOnce(ledger, root, run)) counts[outcome] += 1
      await expectKept(ledger)
      // The race was one: some came through, and some were refused.
      expect(Math.min(counts.done, counts.refused)).toBeGreaterThan(runs / 20)
    },
    60_000 + 200 * runs,
  )
})

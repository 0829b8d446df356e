/**
 * Folders that stay where they are: registering one beside hashing its files, and finding out that
 * nothing has changed beside asking the system for the same of every entry.
 *
 * Files lie in the cache of the system.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { open } from "./ledgers.js"
import type { Comparison } from "./measure.js"
import { run } from "./programs.js"
import { copyTree, filesIn } from "./trees.js"

// Later than any time that cannot be trusted: files that changed a moment ago are read again.
const restMilliseconds = 2_500

const rest = () => new Promise((resolve) => setTimeout(resolve, restMilliseconds))

const hashAll = async (directory: string): Promise<number> => {
  let bytes = 0
  for (const path of await filesIn(directory)) {
    const content = readFileSync(join(directory, path))
    bytes += createHash("sha256").update(content).digest().length
  }
  return bytes
}

const registerLink = async (directory: string): Promise<Comparison> => {
  const path = await copyTree(directory)
  const paths = await filesIn(path)
  await rest()
  const ledger = await open(join(directory, "link ledger"))
  const baseline = "reading and hashing each file"
  const hashing = ["-c", "find . -type f -print0 | xargs -0 sha256sum"]
  const contenders = [
    {
      name: "daybook",
      call: (index: number) => ledger.register(path, { name: `tree ${index}`, mode: "link" }),
    },
    { name: baseline, call: () => hashAll(path) },
    { name: "sha256sum of all files", call: () => run("sh", hashing, { cwd: path }) },
  ]
  const detail = `${paths.length} files`
  const close = async () => {
    await ledger.close()
    await rm(path, { recursive: true })
  }
  return { title: "registering in place", detail, baseline, contenders, close }
}

const drift = async (directory: string): Promise<Comparison> => {
  const path = await copyTree(directory)
  const paths = await filesIn(path)
  await rest()
  const ledger = await open(join(directory, "drift ledger"))
  await ledger.register(path, { name: "tree", mode: "link" })
  const baseline = "find -printf"
  const format = "%p %y %s %m %T@ %C@ %i %l\\n"
  const unchanged = async () => {
    const { drifted, text } = await ledger.drift("tree")
    if (drifted) throw new Error(text)
  }
  const contenders = [
    { name: "daybook", call: unchanged },
    { name: baseline, call: () => run("find", [".", "-printf", format], { cwd: path }) },
  ]
  const detail = `${paths.length} files, none of which has changed`
  const close = () => ledger.close()
  return { title: "drift", detail, baseline, contenders, close }
}

export const folders: Readonly<Record<string, (directory: string) => Promise<Comparison>>> = {
  "register-link": registerLink,
  drift,
}

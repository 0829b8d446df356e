/**
 * Files to take in and to hand out: a tree of source code, noise that nothing shrinks; and how many
 * bytes lie in a directory.
 *
 * The tree is the installed packages typescript and effect. Knows nothing of who keeps the files.
 */
import { createCipheriv } from "node:crypto"
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { cp, readdir, readFile, stat } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Materializer } from "daybook"

const packages = ["typescript", "effect"]
const noiseBytes = 400_000_000

/** Paths from the directory on, sorted. */
export const filesIn = async (directory: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
}

export const bytesIn = async (directory: string): Promise<number> => {
  let bytes = 0
  for (const path of await filesIn(directory)) bytes += (await stat(join(directory, path))).size
  return bytes
}

/** So that they lie in the cache of the system: some programs have it forget what they read. */
export const readIntoCache = async (
  directory: string,
  paths: ReadonlyArray<string>,
): Promise<void> => {
  for (const path of paths) await readFile(join(directory, path))
}

/** Files of a directory, one after the other. */
export const tree = (
  directory: string,
  paths: ReadonlyArray<string>,
): Materializer<null, null> => ({
  name: "bench/tree",
  revision: 1,
  accepts: (value): value is null => value === null,
  save: async (_, out) => {
    for (const path of paths) out.write(path, await readFile(join(directory, path)))
  },
  load: () => null,
})

/** Where the copy lies. */
export const copyTree = async (directory: string): Promise<string> => {
  const { resolve } = createRequire(import.meta.url)
  const path = join(directory, "tree")
  for (const name of packages)
    await cp(dirname(resolve(`${name}/package.json`)), join(path, name), { recursive: true })
  return path
}

/** Bytes of a counter that was encrypted, from a block of it on. */
const noiseFrom = (block: bigint) => {
  const counter = Buffer.alloc(16, 2)
  counter.writeBigUInt64BE(block, 8)
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), counter)
}

/** Writes a file of noise; gives how many bytes it has. */
export const writeNoise = async (path: string): Promise<number> => {
  const cipher = noiseFrom(0n)
  const out = createWriteStream(path)
  const zeros = Buffer.alloc(1_000_000)
  for (let bytes = 0; bytes < noiseBytes; bytes += zeros.length)
    if (!out.write(cipher.update(zeros))) await once(out, "drain")
  out.end()
  await once(out, "finish")
  return noiseBytes
}

/** The same for every index, and never the same for two. */
export const noise = (index: number, length: number): Uint8Array =>
  noiseFrom(BigInt(index) << 32n).update(Buffer.alloc(length))

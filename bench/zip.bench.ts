/**
 * Archives out of the store beside programs that make them of files: a tree of source code, a file
 * of noise, and how soon a range begins.
 *
 * The tree is the installed packages typescript and effect. Files lie in the cache of the system,
 * and every archive is read to its last byte and thrown away.
 */
import { spawn } from "node:child_process"
import { createCipheriv } from "node:crypto"
import { once } from "node:events"
import { createReadStream, createWriteStream } from "node:fs"
import { cp, mkdir, readdir, readFile, stat } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { ZipArchive } from "archiver"
import type { Ledger, Materializer } from "daybook"
import { type AsyncZippable, zip as fflateZip } from "fflate"
import { ZipFile } from "yazl"
import { open } from "./ledgers.js"
import type { Comparison, Contender } from "./measure.js"

const packages = ["typescript", "effect"]
const noiseBytes = 400_000_000

/** Takes what comes and keeps its length alone. */
class Sink extends Writable {
  length = 0

  override _write(chunk: Uint8Array, _: string, done: () => void): void {
    this.length += chunk.length
    done()
  }
}

const drained = async (source: NodeJS.ReadableStream): Promise<number> => {
  const sink = new Sink()
  await pipeline(source, sink)
  return sink.length
}

/** What a program writes, in bytes. Rejects when it fails. */
const run = async (command: string, args: ReadonlyArray<string>, cwd: string): Promise<number> => {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "inherit"] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", resolve)
  })
  const length = await drained(child.stdout)
  const code = await ended
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
  return length
}

const sent = async (ledger: Ledger, name: string): Promise<number> => {
  const archive = await ledger.zip(name)
  let length = 0
  for await (const bytes of archive.stream()) length += bytes.length
  return length
}

const filesIn = async (directory: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
}

/** Files of a directory, one after the other. */
const tree = (directory: string, paths: ReadonlyArray<string>): Materializer<null, null> => ({
  name: "bench/tree",
  revision: 1,
  accepts: (value): value is null => value === null,
  save: async (_, out) => {
    for (const path of paths) out.write(path, await readFile(join(directory, path)))
  },
  load: () => null,
})

const copyTree = async (directory: string): Promise<string> => {
  const { resolve } = createRequire(import.meta.url)
  const path = join(directory, "tree")
  for (const name of packages)
    await cp(dirname(resolve(`${name}/package.json`)), join(path, name), { recursive: true })
  return path
}

const byYazl = async (directory: string, paths: ReadonlyArray<string>): Promise<number> => {
  const archive = new ZipFile()
  for (const path of paths) archive.addFile(join(directory, path), path)
  archive.end()
  return await drained(archive.outputStream)
}

const byArchiver = async (directory: string): Promise<number> => {
  const archive = new ZipArchive({ zlib: { level: 6 } })
  archive.directory(directory, "")
  const [length] = await Promise.all([drained(archive), archive.finalize()])
  return length
}

const byFflate = async (directory: string, paths: ReadonlyArray<string>): Promise<number> => {
  const files: AsyncZippable = {}
  for (const path of paths) files[path] = await readFile(join(directory, path))
  return await new Promise((resolve, reject) => {
    fflateZip(files, { level: 6 }, (error, bytes) =>
      error === null ? resolve(bytes.length) : reject(error),
    )
  })
}

const zipTree = async (directory: string): Promise<Comparison> => {
  const path = await copyTree(directory)
  const paths = await filesIn(path)
  const ledger = await open(join(directory, "tree ledger"))
  await ledger.save("tree", null, { materializer: tree(path, paths) })
  const baseline = "zip -6"
  const ways: Readonly<Record<string, () => Promise<number>>> = {
    daybook: () => sent(ledger, "tree"),
    [baseline]: () => run("zip", ["-q", "-r", "-6", "-", "."], path),
    "archiver, level 6": () => byArchiver(path),
    yazl: () => byYazl(path, paths),
    "fflate, level 6": () => byFflate(path, paths),
  }
  const sizes: Array<string> = []
  const contenders: Array<Contender> = []
  for (const [name, call] of Object.entries(ways)) {
    sizes.push(`${name} ${((await call()) / 1e6).toFixed(2)} MB`)
    contenders.push({ name, call })
  }
  const detail = `${paths.length} files; ${sizes.join(", ")}`
  return { title: "zip of a tree", detail, baseline, contenders, close: () => ledger.close() }
}

/** Bytes of a counter that was encrypted: nothing shrinks them. */
const writeNoise = async (path: string): Promise<void> => {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16, 2))
  const out = createWriteStream(path)
  const zeros = Buffer.alloc(1_000_000)
  for (let bytes = 0; bytes < noiseBytes; bytes += zeros.length)
    if (!out.write(cipher.update(zeros))) await once(out, "drain")
  out.end()
  await once(out, "finish")
}

const zipNoise = async (directory: string): Promise<Comparison> => {
  const place = join(directory, "noise")
  await mkdir(place)
  const path = join(place, "noise.bin")
  await writeNoise(path)
  const ledger = await open(join(directory, "noise ledger"))
  await ledger.save("noise", createReadStream(path))
  const contenders = [
    { name: "daybook", call: () => sent(ledger, "noise") },
    { name: "cat", call: () => run("cat", [path], place) },
  ]
  const { size } = await stat(path)
  const detail = `one file of ${(size / 1e6).toFixed(0)} MB`
  const close = () => ledger.close()
  return { title: "zip of noise", detail, baseline: "cat", contenders, close }
}

/** From asking for a range to its first byte, anywhere in an archive that is laid out. */
const rangeStart = async (directory: string): Promise<Comparison> => {
  const path = await copyTree(directory)
  const ledger = await open(join(directory, "range ledger"))
  await ledger.save("tree", null, { materializer: tree(path, await filesIn(path)) })
  const archive = await ledger.zip("tree")
  const first = async (index: number) => {
    const start = (index * 7_919_317) % archive.size
    for await (const bytes of archive.stream({ start, end: archive.size })) return bytes.length
    return 0
  }
  const call = (index: number) => first(index)
  const contenders = [{ name: "daybook, first bytes of a range", call }]
  const detail = `an archive of ${(archive.size / 1e6).toFixed(2)} MB`
  const baseline = "daybook, first bytes of a range"
  return { title: "start of a range", detail, baseline, contenders, close: () => ledger.close() }
}

export const zips: Readonly<Record<string, (directory: string) => Promise<Comparison>>> = {
  "zip-tree": zipTree,
  "zip-noise": zipNoise,
  "range-start": rangeStart,
}

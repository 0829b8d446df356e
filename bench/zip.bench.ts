/**
 * Archives out of the store beside programs that make them of files: a tree of source code, a file
 * of noise, and how soon a range begins.
 *
 * Files lie in the cache of the system, and every archive is read to its last byte and thrown away.
 */
import { createReadStream } from "node:fs"
import { mkdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { ZipArchive } from "archiver"
import type { Ledger } from "daybook"
import { type AsyncZippable, zip as fflateZip } from "fflate"
import { ZipFile } from "yazl"
import { open } from "./ledgers.js"
import type { Comparison, Contender } from "./measure.js"
import { drained, run } from "./programs.js"
import { copyTree, filesIn, writeNoise } from "./trees.js"

const sent = async (ledger: Ledger, name: string): Promise<number> => {
  const archive = await ledger.zip(name)
  let length = 0
  for await (const bytes of archive.stream()) length += bytes.length
  return length
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
  await ledger.register(path, { name: "tree", mode: "copy" })
  const baseline = "zip -6"
  const ways: Readonly<Record<string, () => Promise<number>>> = {
    daybook: () => sent(ledger, "tree"),
    [baseline]: () => run("zip", ["-q", "-r", "-6", "-", "."], { cwd: path }),
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

const zipNoise = async (directory: string): Promise<Comparison> => {
  const place = join(directory, "noise")
  await mkdir(place)
  const path = join(place, "noise.bin")
  await writeNoise(path)
  const ledger = await open(join(directory, "noise ledger"))
  await ledger.save("noise", createReadStream(path))
  const contenders = [
    { name: "daybook", call: () => sent(ledger, "noise") },
    { name: "cat", call: () => run("cat", [path], { cwd: place }) },
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
  await ledger.register(path, { name: "tree", mode: "copy" })
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

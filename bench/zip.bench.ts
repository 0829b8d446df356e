/**
 * Archives out of the store beside programs that make them of files: a tree of source code, a file
 * of noise, and how soon a range begins.
 *
 * Files lie in the cache of the system, and every archive is read to its last byte and thrown away.
 */
import { createReadStream } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { Ledger } from "daybook"
import { Apart } from "./apart.js"
import { open } from "./ledgers.js"
import type { Comparison, Contender } from "./measure.js"
import { run } from "./programs.js"
import type { Rival } from "./rivals.js"
import { copyTree, filesIn, writeNoise } from "./trees.js"

const sent = async (ledger: Ledger, name: string): Promise<number> => {
  const archive = await ledger.zip(name)
  let length = 0
  for await (const bytes of archive.stream()) length += bytes.length
  return length
}

const zipTree = async (directory: string): Promise<Comparison> => {
  const path = await copyTree(directory)
  const paths = await filesIn(path)
  const ledger = await open(join(directory, "tree ledger"))
  await ledger.register(path, { name: "tree", mode: "copy" })
  const baseline = "zip -6"
  const rival = (name: Rival): Omit<Contender, "name"> & { readonly apart: Apart } => {
    const apart = new Apart()
    return { apart, call: () => apart.call(name, path), processor: apart.processor }
  }
  const [archiver, yazl, fflate] = [rival("byArchiver"), rival("byYazl"), rival("byFflate")]
  const ways: Readonly<Record<string, Omit<Contender, "name">>> = {
    daybook: { call: () => sent(ledger, "tree") },
    [baseline]: { call: () => run("zip", ["-q", "-r", "-6", "-", "."], { cwd: path }) },
    "archiver, level 6": archiver,
    yazl,
    "fflate, level 6": fflate,
  }
  const sizes: Array<string> = []
  const contenders: Array<Contender> = []
  for (const [name, way] of Object.entries(ways)) {
    sizes.push(`${name} ${(Number(await way.call(0)) / 1e6).toFixed(2)} MB`)
    contenders.push({ name, ...way })
  }
  const detail = `${paths.length} files; ${sizes.join(", ")}`
  const close = async () => {
    for (const { apart } of [archiver, yazl, fflate]) apart.close()
    await ledger.close()
  }
  return { title: "zip of a tree", detail, baseline, contenders, close }
}

/** A file that nothing shrinks, and a ledger that has it. */
const openWithNoise = async (directory: string, name: string) => {
  const place = join(directory, name)
  await mkdir(place)
  const path = join(place, "noise.bin")
  const size = await writeNoise(path)
  const ledger = await open(join(place, "ledger"))
  await ledger.save("noise", createReadStream(path))
  return { place, ledger, detail: `one file of ${(size / 1e6).toFixed(0)} MB` }
}

const zipNoise = async (directory: string): Promise<Comparison> => {
  const { place, ledger, detail } = await openWithNoise(directory, "noise")
  const contenders = [
    { name: "daybook", call: () => sent(ledger, "noise") },
    { name: "cat", call: () => run("cat", ["noise.bin"], { cwd: place }) },
  ]
  const close = () => ledger.close()
  return { title: "zip of noise", detail, baseline: "cat", contenders, close }
}

/** An archive as a file that is durable, beside a copy that is. */
const downloadNoise = async (directory: string): Promise<Comparison> => {
  const { place, ledger, detail } = await openWithNoise(directory, "download")
  const target = join(place, "noise.zip")
  const copy = "cat noise.bin > copy.bin && sync copy.bin"
  const baseline = "cat into a file, and sync"
  const contenders = [
    { name: "daybook", call: () => ledger.download("noise", target, { overwrite: true }) },
    { name: baseline, call: () => run("sh", ["-c", copy], { cwd: place }) },
  ]
  const close = () => ledger.close()
  return { title: "download of noise", detail, baseline, contenders, close }
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
  "download-noise": downloadNoise,
  "range-start": rangeStart,
}

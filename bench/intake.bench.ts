/**
 * Taking bytes in until they are durable: a tree of source code beside programs that keep files, a
 * file of noise beside hashing and copying it.
 *
 * Every call begins with an empty ledger, repository or directory; making that, and removing it
 * afterwards, is not measured. Files lie in the cache of the system.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, open as openFile, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Ledger } from "daybook"
import { Apart } from "./apart.js"
import { open } from "./ledgers.js"
import type { Comparison, Contender } from "./measure.js"
import { settle } from "./programs.js"
import { keepers } from "./repositories.js"
import { putCount } from "./rivals.js"
import { copyTree, filesIn, readIntoCache, writeNoise } from "./trees.js"

const pieceBytes = 1_048_576

interface Work {
  readonly name: string
  readonly times?: number
  readonly begin?: (place: string) => Promise<void>
  /** Reads what will be read, so that it lies in the cache of the system. */
  readonly read?: () => Promise<void>
  readonly act: (place: string) => Promise<unknown>
  readonly processor?: () => number
}

/**
 * Each call in a directory that is new, with nothing left to write of what was before, and with all
 * that is read in the cache of the system.
 */
const afresh = (directory: string, { name, begin, read, act, ...rest }: Work): Contender => {
  const place = (index: number) => join(directory, `${name} ${index}`.replace(/\W+/g, "-"))
  const before = async (index: number) => {
    await mkdir(place(index))
    await begin?.(place(index))
    await settle(directory)
    await read?.()
  }
  const after = (index: number) => rm(place(index), { recursive: true })
  const call = (index: number) => act(place(index))
  return { name, call, around: { before, after }, ...rest }
}

/** Opening and closing are part of the work, as they are for a program. */
const intoLedger = (save: (ledger: Ledger) => Promise<unknown>): Omit<Work, "name"> => ({
  begin: async (place) => await (await open(join(place, "ledger"))).close(),
  act: async (place) => {
    const ledger = await open(join(place, "ledger"))
    await save(ledger)
    await ledger.close()
  },
})

const intakeTree = async (directory: string): Promise<Comparison> => {
  const source = await copyTree(directory)
  const paths = await filesIn(source)
  const copy = (ledger: Ledger) => ledger.register(source, { name: "tree", mode: "copy" })
  const programs = keepers(["lz4", "zstd"])
  const cache = new Apart()
  const kept = { directory: source, path: ".", label: "tree" }
  const baseline = `cacache, ${putCount} at a time`
  const works: ReadonlyArray<Work> = [
    { name: "daybook", ...intoLedger(copy) },
    {
      name: baseline,
      act: (place) => cache.call("intoCache", source, place),
      processor: cache.processor,
    },
    ...programs.map(({ name, begin, keep }) => {
      return { name, begin, act: (place: string) => keep(place, kept) }
    }),
    ...programs.map(({ name, begin, open }) => {
      return { name: `${name}, opening alone`, begin, act: open }
    }),
  ]
  const read = () => readIntoCache(source, paths)
  const contenders = works.map((work) => afresh(directory, { ...work, read }))
  const detail = `${paths.length} files`
  const close = async () => cache.close()
  return { title: "intake of a tree", detail, baseline, contenders, close }
}

const pieces = (path: string) => createReadStream(path, { highWaterMark: pieceBytes })

const hashAndCopy = async (path: string, target: string): Promise<string> => {
  const hash = createHash("sha256")
  const file = await openFile(target, "wx")
  for await (const piece of pieces(path)) {
    hash.update(piece)
    await file.appendFile(piece)
  }
  await file.sync()
  await file.close()
  return hash.digest("hex")
}

const intakeNoise = async (directory: string): Promise<Comparison> => {
  const path = join(directory, "noise.bin")
  const times = (await writeNoise(path)) / 1e6
  const baseline = "hash and copy"
  const works: ReadonlyArray<Work> = [
    { name: "daybook", times, ...intoLedger((ledger) => ledger.save("noise", pieces(path))) },
    { name: baseline, times, act: (place) => hashAndCopy(path, join(place, "copy")) },
  ]
  const contenders = works.map((work) => afresh(directory, work))
  const detail = `one file of ${times.toFixed(0)} MB, MB a second`
  return { title: "intake of noise", detail, baseline, contenders, close: async () => undefined }
}

export const intakes: Readonly<Record<string, (directory: string) => Promise<Comparison>>> = {
  "intake-tree": intakeTree,
  "intake-noise": intakeNoise,
}

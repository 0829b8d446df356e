/**
 * What opening does: brings the index up to the packs, and says where writing goes on.
 *
 * Frames beyond a pack's mark are checked and indexed; an index that knows more than the packs hold
 * is rebuilt from all of them. Torn and damaged bytes stay where they are, as evidence, and their
 * pack is not written to again. Changes no pack.
 */
import { open } from "node:fs/promises"
import { syncDirectory } from "../disk/files.js"
import { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobIndex } from "./index-level.js"
import { type Mark, type Row, rowOfRecipe } from "./index-row.js"
import {
  type FrameHeader,
  frameHeaderBytes,
  packFormat,
  packHeaderBytes,
  type ReadPack,
  readAhead,
  readPackFormat,
  scanPack,
} from "./pack.js"
import { listPacks, type PackFile, packPath, readAt, removeUnfinished } from "./pack-files.js"
import { chunksOf, type Recipe, readRecipe } from "./recipe.js"

/** Bytes of a pack that are no whole frame. */
export interface Finding {
  readonly pack: number
  readonly from: number
  readonly to: number
  /** `torn`: a write that never ended. */
  readonly state: "torn" | "damaged"
  /** What lies there, if its header is whole: a chunk's name. */
  readonly digest?: Digest
}

/**
 * `owner` makes durable what it indexes, and lets a pack with damage behind it be. A `reader` looks
 * at packs that somebody else may be writing: it changes none, and what is no whole frame yet may
 * become one, so it looks there again.
 */
export type Role = "owner" | "reader"

export interface Recovered {
  /** Every pack, in order. */
  readonly packs: ReadonlyArray<PackFile>
  /** The last pack, if it may be appended to. */
  readonly last: PackFile | undefined
  readonly findings: ReadonlyArray<Finding>
}

interface FoundRecipe {
  readonly recipe: Recipe
  readonly pack: number
  readonly offset: number
  readonly storedSize: number
}

// Rows that are written to the index at once.
const batchCount = 1_000

const chunkRow = (header: FrameHeader, pack: number, offset: number): Row => ({
  kind: "chunk",
  digest: header.digest,
  pack,
  offset,
  storedSize: header.storedSize,
  storedDigest: header.storedDigest,
})

const blobRow = ({ recipe, ...place }: FoundRecipe): Row => ({ ...rowOfRecipe(recipe), ...place })

class Recovery {
  readonly findings: Array<Finding> = []
  readonly marks: Array<Mark> = []
  /** Whether a pack has lost frames that the index may name. */
  lost = false
  readonly #directory: string
  readonly #index: BlobIndex
  readonly #role: Role
  #rows: Array<Row> = []
  #recipes: Array<FoundRecipe> = []
  readonly #incomplete: Array<FoundRecipe> = []

  constructor(directory: string, index: BlobIndex, role: Role) {
    this.#directory = directory
    this.#index = index
    this.#role = role
  }

  /** Looks at what lies after the mark; gives the pack back when it may be appended to. */
  async pack(file: PackFile, mark: Mark | undefined): Promise<PackFile | undefined> {
    const { pack, size } = file
    const path = packPath(this.#directory, pack)
    // Rows that were written ahead of an fsync prove nothing: their frames are looked at again.
    const from = mark === undefined || mark.ahead ? packHeaderBytes : mark.end
    const isOwner = this.#role === "owner"
    const handle = await open(path, isOwner && size > from ? "r+" : "r")
    try {
      const read = readAhead((offset, length) => readAt(handle, offset, length))
      let whole = (await this.#header(read, file)) && mark?.whole !== false
      if (size > from) {
        // What is indexed counts as durable, and a killed writer may not have come to its fsync.
        if (isOwner) await handle.datasync()
        const { end, isWhole } = await this.#frames(read, file, from)
        if (!isWhole && mark?.ahead === true) this.lost = isOwner
        whole &&= isWhole
        const seen = isOwner ? { end: size, whole } : { end, whole: true }
        this.marks.push({ pack, ...seen, ahead: false })
      }
      return whole ? file : undefined
    } finally {
      await handle.close()
    }
  }

  /** Ends the recovery. A blob whose chunks were not all found is as if it had never been put. */
  async finish(): Promise<void> {
    await this.#flush()
    const late: Array<Row> = []
    for (const found of this.#incomplete)
      if (await this.#isComplete(found)) late.push(blobRow(found))
    if (this.marks.length > 0 && this.#role === "owner") await syncDirectory(this.#directory)
    // Marks come last: a recovery that is cut short begins again.
    await this.#index.add(late, this.marks)
  }

  async #header(read: ReadPack, { pack, size }: PackFile): Promise<boolean> {
    const format = readPackFormat(await read(0, Math.min(packHeaderBytes, size)))
    if (format === packFormat) return true
    if (format !== undefined) throw unknownFormat(pack, format)
    const isTorn = size < packHeaderBytes
    const to = Math.min(size, packHeaderBytes)
    this.findings.push({ pack, from: 0, to, state: isTorn ? "torn" : "damaged" })
    return false
  }

  /** Where the last whole frame ends, and whether there is nothing but whole frames. */
  async #frames(read: ReadPack, { pack, size }: PackFile, from: number) {
    let end = from
    let wholeEnd = from
    let isWhole = true
    for await (const scanned of scanPack(read, from, size)) {
      if (scanned.type === "frame") {
        await this.#frame(read, pack, scanned.offset, scanned.header)
        wholeEnd = scanned.offset + frameHeaderBytes + scanned.header.storedSize
      } else if (scanned.type === "damage") {
        isWhole = false
        end = scanned.to
        const digest = scanned.header?.kind === "chunk" ? { digest: scanned.header.digest } : {}
        this.findings.push({ pack, from: scanned.from, to: end, state: "damaged", ...digest })
      } else if (scanned.tail !== "whole") {
        isWhole = false
        const start = Math.max(end, scanned.end)
        if (start < size) this.findings.push({ pack, from: start, to: size, state: scanned.tail })
      }
    }
    return { end: wholeEnd, isWhole }
  }

  async #frame(read: ReadPack, pack: number, offset: number, header: FrameHeader) {
    if (header.kind === "chunk") this.#rows.push(chunkRow(header, pack, offset))
    else {
      const { storedSize } = header
      const recipe = readRecipe(await read(offset + frameHeaderBytes, storedSize))
      if (recipe !== undefined) this.#recipes.push({ recipe, pack, offset, storedSize })
    }
    if (this.#rows.length + this.#recipes.length >= batchCount) await this.#flush()
  }

  async #flush(): Promise<void> {
    const recipes = this.#recipes
    await this.#index.add(this.#rows, [])
    this.#rows = []
    this.#recipes = []
    const rows: Array<Row> = []
    for (const found of recipes)
      if (await this.#isComplete(found)) rows.push(blobRow(found))
      // Removals move chunks to later packs, so a later one may still hold what is missing.
      else this.#incomplete.push(found)
    await this.#index.add(rows, [])
  }

  async #isComplete({ recipe }: FoundRecipe): Promise<boolean> {
    for (let from = 0; from < recipe.count; from += batchCount) {
      const chunks = chunksOf(recipe, from, Math.min(from + batchCount, recipe.count))
      const digests = chunks.map(({ digest }) => digest)
      const [only] = digests
      const rows =
        only !== undefined && digests.length === 1
          ? [this.#index.chunk(only)]
          : await this.#index.chunks(digests)
      if (rows.includes(undefined)) return false
    }
    return true
  }
}

const unknownFormat = (pack: number, format: number): BlobFailure =>
  new BlobFailure({
    message: `pack ${pack} is of format ${format}: open it with a release that knows that format`,
    operation: "open",
    reason: "conflict",
    outcome: "none",
  })

const recoverFrom = async (
  directory: string,
  index: BlobIndex,
  packs: ReadonlyArray<PackFile>,
  marks: ReadonlyMap<number, Mark>,
  role: Role,
) => {
  const recovery = new Recovery(directory, index, role)
  let last: PackFile | undefined
  for (const file of packs) last = await recovery.pack(file, marks.get(file.pack))
  await recovery.finish()
  return { packs, last, findings: recovery.findings, lost: recovery.lost }
}

/** Undefined when the index is not that of these packs, or damaged. */
const bringUp = async (
  directory: string,
  index: BlobIndex,
  packs: ReadonlyArray<PackFile>,
  role: Role,
): Promise<Recovered | undefined> => {
  const sizes = new Map(packs.map(({ pack, size }) => [pack, size]))
  try {
    const marks = await index.marks()
    const isAhead = [...marks.values()].some(({ pack, end }) => (sizes.get(pack) ?? 0) < end)
    const recovered = isAhead ? undefined : await recoverFrom(directory, index, packs, marks, role)
    return recovered?.lost === true ? undefined : recovered
  } catch (cause) {
    if (cause instanceof BlobFailure && cause.reason === "damaged") return undefined
    throw cause
  }
}

/** Rejects with a failure of the port, or with the disk's own error. */
export const recover = async (
  directory: string,
  index: BlobIndex,
  role: Role = "owner",
): Promise<Recovered> => {
  if (role === "owner") await removeUnfinished(directory)
  const packs = await listPacks(directory)
  const recovered = await bringUp(directory, index, packs, role)
  if (recovered !== undefined) return recovered
  await index.clear()
  return recoverFrom(directory, index, packs, new Map(), role)
}

/**
 * Going through packs: frames beyond a pack's mark are checked and indexed, and what is none is
 * named. A blob is indexed when its chunks are; one whose recipe lies behind damage, where somebody
 * else's content may lie, when it was read as a whole.
 *
 * Changes no pack, and does not know what was in the index before.
 */
import { open } from "node:fs/promises"
import { syncDirectory } from "../disk/files.js"
import { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import { type Finding, PackDamage } from "./damage.js"
import { type FrameHeader, frameHeaderBytes } from "./frame.js"
import { isGenuine } from "./genuine.js"
import type { BlobIndex } from "./index-level.js"
import { type Mark, type Row, rowOfRecipe } from "./index-row.js"
import {
  headerCheck,
  lostWith,
  packFormat,
  packHeaderBytes,
  type ReadPack,
  readAhead,
  readPackFormat,
  type ScannedFrame,
  scanPack,
} from "./pack.js"
import { type PackFile, packPath, readAt } from "./pack-files.js"
import { openPackReader } from "./pack-reader.js"
import { loadChunks } from "./pack-store.js"
import type { LastPack } from "./pack-tail.js"
import { chunksOf, type Recipe, readRecipe } from "./recipe.js"

/**
 * `owner` makes durable what it indexes, and lets a pack with damage behind it be. A `reader` looks
 * at packs that somebody else may be writing: it changes none, and what is no whole frame yet may
 * become one, so it looks there again. A `follower` is a reader that looks again: packs that are
 * gone since were rewritten.
 */
export type Role = "owner" | "reader" | "follower"

interface FoundRecipe {
  readonly recipe: Recipe
  readonly pack: number
  readonly offset: number
  readonly storedSize: number
  readonly doubted: boolean
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

const blobRow = ({ recipe, pack, offset, storedSize }: FoundRecipe): Row => ({
  ...rowOfRecipe(recipe),
  pack,
  offset,
  storedSize,
})

const unknownFormat = (pack: number, format: number): BlobFailure =>
  new BlobFailure({
    message: `pack ${pack} is of format ${format}: open it with a release that knows that format`,
    operation: "open",
    reason: "conflict",
    outcome: "none",
  })

export class Recovery {
  readonly findings: Array<Finding> = []
  readonly marks: Array<Mark> = []
  /** Whether a pack has lost frames that the index may name. */
  lost = false
  /** Marks of packs in whose place others lie, which are not looked at. */
  readonly replaced: Array<Mark> = []
  readonly #directory: string
  readonly #index: BlobIndex
  readonly #role: Role
  #rows: Array<Row> = []
  #recipes: Array<FoundRecipe> = []
  /** Looked at in the end. */
  readonly #late: Array<FoundRecipe> = []

  constructor(directory: string, index: BlobIndex, role: Role) {
    this.#directory = directory
    this.#index = index
    this.#role = role
  }

  /** Looks at what lies after the mark; gives the pack back when it may be appended to. */
  async pack(file: PackFile, mark: Mark | undefined): Promise<LastPack | undefined> {
    const { pack, size } = file
    const path = packPath(this.#directory, pack)
    // Rows that were written ahead of an fsync prove nothing: their frames are looked at again.
    const from = mark === undefined || mark.ahead ? packHeaderBytes : mark.end
    const isOwner = this.#role === "owner"
    const handle = await open(path, isOwner && size > from ? "r+" : "r")
    try {
      const bytes = await readAt(handle, 0, Math.min(packHeaderBytes, size))
      const header = headerCheck(bytes)
      const isOther = readPackFormat(bytes) === packFormat && mark && mark.header !== header
      if (isOther) {
        this.replaced.push(mark)
        return undefined
      }
      let whole = this.#header(bytes, file) && mark?.whole !== false && size >= (mark?.end ?? 0)
      if (size > from) {
        // What is indexed counts as durable, and a killed writer may not have come to its fsync.
        if (isOwner) await handle.datasync()
        const read = readAhead((offset, length) => readAt(handle, offset, length))
        const { end, isWhole } = await this.#frames(read, file, from)
        if (!isWhole && mark?.ahead === true) this.lost = isOwner
        whole &&= isWhole
        const seen = isOwner ? { end: size, whole } : { end, whole: true }
        this.marks.push({ pack, header, ...seen, ahead: false })
      }
      return whole ? { ...file, header } : undefined
    } finally {
      await handle.close()
    }
  }

  /** Ends the recovery. A blob whose chunks were not all found is as if it had never been put. */
  async finish(): Promise<void> {
    await this.#flush()
    const rows: Array<Row> = []
    const lost: Array<Digest> = []
    for (const found of this.#late)
      if (!(await this.#isComplete(found))) lost.push(found.recipe.stat.digest)
      else if (!found.doubted || (await this.#isGenuine(found))) rows.push(blobRow(found))
    this.#blame(lost)
    if (this.marks.length > 0 && this.#role === "owner") await syncDirectory(this.#directory)
    // Marks come last: a recovery that is cut short begins again.
    await this.#index.add(rows, this.marks)
  }

  /** Content that lacks something was lost with what is damaged: where exactly, nobody can say. */
  #blame(digests: ReadonlyArray<Digest>): void {
    for (const [at, finding] of this.findings.entries())
      if (finding.state === "damaged" && finding.from > 0)
        this.findings[at] = { ...finding, digests: [...finding.digests, ...digests] }
  }

  async #isGenuine({ recipe }: FoundRecipe): Promise<boolean> {
    const reader = openPackReader(this.#directory)
    try {
      const notice = (finding: Finding) => Promise.resolve(finding)
      const source = { index: this.#index, reader, damage: new PackDamage([]), notice }
      return await isGenuine(recipe, loadChunks(source))
    } finally {
      await reader.close()
    }
  }

  #header(bytes: Uint8Array, { pack, size }: PackFile): boolean {
    const format = readPackFormat(bytes)
    if (format === packFormat) return true
    if (format !== undefined) throw unknownFormat(pack, format)
    const state = size < packHeaderBytes ? "torn" : "damaged"
    this.findings.push({ pack, from: 0, to: Math.min(size, packHeaderBytes), state, digests: [] })
    return false
  }

  /** Where the last whole frame ends, and whether there is nothing but whole frames. */
  async #frames(read: ReadPack, { pack, size }: PackFile, from: number) {
    let end = from
    let wholeEnd = from
    let isWhole = true
    for await (const scanned of scanPack(read, from, size)) {
      if (scanned.type === "frame") {
        await this.#frame(read, pack, scanned)
        wholeEnd = scanned.offset + frameHeaderBytes + scanned.header.storedSize
      } else if (scanned.type === "damage") {
        isWhole = false
        end = scanned.to
        const digests = lostWith(scanned.header)
        this.findings.push({ pack, from: scanned.from, to: end, state: "damaged", digests })
      } else if (scanned.tail !== "whole") {
        isWhole = false
        const start = Math.max(end, scanned.end)
        const rest = { pack, from: start, to: size, state: scanned.tail, digests: [] }
        if (start < size) this.findings.push(rest)
      }
    }
    return { end: wholeEnd, isWhole }
  }

  async #frame(read: ReadPack, pack: number, { offset, header, doubted }: ScannedFrame) {
    if (header.kind === "chunk") this.#rows.push(chunkRow(header, pack, offset))
    else {
      const { storedSize } = header
      const recipe = readRecipe(await read(offset + frameHeaderBytes, storedSize))
      if (recipe !== undefined) this.#recipes.push({ recipe, pack, offset, storedSize, doubted })
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
      if (!found.doubted && (await this.#isComplete(found))) rows.push(blobRow(found))
      // Removals move chunks to later packs, so a later one may still hold what is missing.
      else this.#late.push(found)
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

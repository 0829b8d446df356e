/**
 * Reading packs through, frame by frame: every byte that is stored, and every chunk down to the
 * bytes that it is named by. Goes by the packs alone, never by the index.
 *
 * A slice at a time, so that it can be left and taken up again, by another process too. Changes
 * nothing, and does not say which content is concerned by what it finds.
 */
import { open } from "node:fs/promises"
import type { CheckedPart } from "./blob-store.js"
import type { Finding } from "./damage.js"
import { type FrameHeader, frameHeaderBytes } from "./frame.js"
import {
  isGenuineChunk,
  lostWith,
  packFormat,
  packHeaderBytes,
  type ReadPack,
  readAhead,
  readPackFormat,
  type ScannedFrame,
  scanPack,
} from "./pack.js"
import { listPacks, type PackFile, packPath, readAt } from "./pack-files.js"
import { readRecipe } from "./recipe.js"

/** Where a check goes on. */
interface Place {
  readonly pack: number
  readonly offset: number
}

const placeShape = /^([1-9][0-9]*):([0-9]+)$/

/** The place that a text names; the beginning for one that names none. */
const placeOf = (resume: string | undefined): Place => {
  const [, pack, offset] = placeShape.exec(resume ?? "") ?? []
  return { pack: Number(pack ?? 0), offset: Number(offset ?? 0) }
}

/** Whether a frame whose stored bytes are whole is what its header says. */
const isAsSaid = async (read: ReadPack, { offset, header, doubted }: ScannedFrame) => {
  // Behind damage it was looked at already; of a raw chunk its bytes are what is stored.
  if (header.kind === "chunk")
    return doubted || header.form === "raw" || (await isGenuineChunk(read, offset, header))
  return readRecipe(await read(offset + frameHeaderBytes, header.storedSize)) !== undefined
}

/** What came of a part of one pack. */
interface Part {
  readonly end: number
  readonly frames: number
  readonly findings: ReadonlyArray<Finding>
}

const checkFrames = async (
  read: ReadPack,
  { pack, size }: PackFile,
  from: number,
  bytesMax: number,
): Promise<Part> => {
  const findings: Array<Finding> = []
  let frames = 0
  const damaged = (start: number, to: number, header?: FrameHeader) =>
    findings.push({ pack, from: start, to, state: "damaged", digests: lostWith(header) })
  for await (const scanned of scanPack(read, from, size)) {
    if (scanned.type === "damage") damaged(scanned.from, scanned.to, scanned.header)
    else if (scanned.type === "frame") {
      const { offset, header, doubted } = scanned
      const end = offset + frameHeaderBytes + header.storedSize
      frames += 1
      if (!(await isAsSaid(read, scanned))) damaged(offset, end, header)
      // Not behind damage, where what may be believed depends on what came before.
      if (end - from >= bytesMax && end < size && !doubted) return { end, frames, findings }
    } else if (scanned.tail === "damaged") damaged(scanned.end, size)
  }
  return { end: size, frames, findings }
}

const checkPack = async (
  directory: string,
  file: PackFile,
  from: number,
  bytesMax: number,
): Promise<Part> => {
  const { pack, size } = file
  // Whoever made it was killed before its header was there: nothing is damaged, nothing is in it.
  if (size < packHeaderBytes) return { end: size, frames: 0, findings: [] }
  const handle = await open(packPath(directory, pack), "r")
  try {
    const read = readAhead((offset, length) => readAt(handle, offset, length))
    const start = Math.max(from, packHeaderBytes)
    const checked = await checkFrames(read, file, start, bytesMax)
    // Its owner may have cut off meanwhile what lies in a later pack now.
    const { size: left } = await handle.stat()
    const part = { ...checked, findings: checked.findings.filter(({ to }) => to <= left) }
    if (from > 0) return part
    const isWhole = readPackFormat(await readAt(handle, 0, packHeaderBytes)) === packFormat
    const header = { pack, from: 0, to: packHeaderBytes, state: "damaged", digests: [] } as const
    return isWhole ? part : { ...part, findings: [header, ...part.findings] }
  } finally {
    await handle.close()
  }
}

/**
 * Reads on from a place, about so many bytes, and never beyond the end of a pack. `resume` is
 * absent behind the last one.
 */
export const checkPacks = async (
  directory: string,
  from: string | undefined,
  bytesMax: number,
): Promise<Omit<CheckedPart, "damage"> & { readonly findings: ReadonlyArray<Finding> }> => {
  const { pack, offset } = placeOf(from)
  const files = (await listPacks(directory)).filter((file) => file.pack >= pack)
  const [file, next] = files
  if (file === undefined) return { bytes: 0, frames: 0, findings: [] }
  const start = file.pack === pack ? Math.min(offset, file.size) : 0
  const { end, frames, findings } = await checkPack(directory, file, start, bytesMax)
  const goesOn = end < file.size ? `${file.pack}:${end}` : next && `${next.pack}:0`
  const slice = { bytes: end - start, frames, findings }
  return goesOn === undefined ? slice : { ...slice, resume: goesOn }
}

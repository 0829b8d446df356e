/**
 * Reading frames out of packs, each checked before it is handed over.
 *
 * Keeps a few packs open, each with a window that is filled ahead when it is read in order: a trip
 * to the file system costs as much as the 100 KB it could have brought along. Does not know where
 * frames lie: it is told, and says which of them were not there.
 */
import { type FileHandle, open } from "node:fs/promises"
import { hasCode } from "../model/cause.js"
import { type Digest, digestOf, toDigest } from "../model/digest.js"
import { threads } from "../thread/threads.js"
import { type Frame, frameHeaderBytes, LoadedFrame, readFrameHeader } from "./frame.js"
import type { Place } from "./index-row.js"
import { packPath, readAt } from "./pack-files.js"
import { stopped } from "./rules.js"
import { digestBytes, type Stretched, stretchWork } from "./stretch-work.js"

const openCountMax = 16
const windowBytes = 262_144
// What may lie between two chunks that are read in order: the recipe of a small blob.
const gapBytes = 4_096
// Frames that lie near each other are read at once, up to this much, with what lies in between.
const runGapBytes = 65_536
const runBytesMax = 1_048_576
// So much is read and hashed by a thread, if there is one: hashing it takes 0.1 ms.
const asideBytesMin = 262_144

/** Bytes that were read ahead, or are being read. */
interface Window {
  readonly start: number
  readonly end: number
  readonly bytes: Promise<Uint8Array>
}

interface OpenPack {
  /** Undefined when there is no such file. */
  readonly handle: Promise<FileHandle | undefined>
  uses: number
  dropped: boolean
  /** Where the last read ended: one that goes on from there is read ahead. */
  last: number
  window: Window | undefined
}

/** Where a frame is looked for. */
export interface Sought extends Place {
  /** Of its bytes, where that is known: spares the one in its header to be made into text. */
  readonly storedDigest?: Digest
}

export interface PackReader {
  /** The frames at these places, in order; undefined for one that is damaged or not there. */
  readonly frames: (places: ReadonlyArray<Sought>) => Promise<ReadonlyArray<Frame | undefined>>
  /** Closes a pack that is no longer there, once its reads are done. */
  readonly drop: (pack: number) => Promise<void>
  readonly close: () => Promise<void>
}

const none = new Uint8Array(0)

const openPack = (directory: string, pack: number): OpenPack => ({
  handle: open(packPath(directory, pack), "r").catch((cause: unknown) => {
    if (hasCode(cause, "ENOENT")) return undefined
    throw cause
  }),
  uses: 0,
  dropped: false,
  last: 0,
  window: undefined,
})

const closePack = async (opened: OpenPack): Promise<void> => {
  const handle = await opened.handle.catch(() => undefined)
  await handle?.close()
}

/** A copy: the reader may change what it is given, and the window serves others too. */
const part = (window: Uint8Array, start: number, length: number): Uint8Array =>
  Buffer.from(window.subarray(start, start + length))

/** Bytes of a pack; fewer when it ends before, none when it is not there. */
const readThrough = async (opened: OpenPack, offset: number, length: number) => {
  const end = offset + length
  const isNext = offset >= opened.last && offset <= opened.last + gapBytes
  opened.last = end
  const { window } = opened
  if (window !== undefined && offset >= window.start && end <= window.end) {
    const bytes = part(await window.bytes, offset - window.start, length)
    // Shorter when the pack has grown since.
    if (bytes.length === length) return bytes
  }
  const handle = await opened.handle
  if (handle === undefined) return none
  if (!isNext || length >= windowBytes) return readAt(handle, offset, length)
  const bytes = readAt(handle, offset, windowBytes)
  opened.window = { start: offset, end: offset + windowBytes, bytes }
  return part(await bytes, 0, length)
}

const endOf = (place: Place): number => place.offset + frameHeaderBytes + place.storedSize

const byPlace = (a: Place, b: Place): number => a.pack - b.pack || a.offset - b.offset

/** The places in the order in which they lie, and in runs that are read at once. */
const runsOf = (places: ReadonlyArray<Sought>): ReadonlyArray<ReadonlyArray<Sought>> => {
  const runs: Array<Array<Sought>> = []
  let run: Array<Sought> = []
  for (const place of [...places].sort(byPlace)) {
    const [first] = run
    const last = run.at(-1)
    const joins =
      first !== undefined &&
      last !== undefined &&
      last.pack === place.pack &&
      place.offset <= endOf(last) + runGapBytes &&
      endOf(place) - first.offset <= runBytesMax
    if (joins) run.push(place)
    else {
      run = [place]
      runs.push(run)
    }
  }
  return runs
}

/** A run as it is read, with the digests of what its frames hold where they are known already. */
type ReadRun = Pick<Stretched, "bytes"> & Partial<Stretched>

const readAside = async (
  opened: OpenPack,
  run: ReadonlyArray<Sought>,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<ReadRun> => {
  opened.last = offset + length
  const handle = await opened.handle
  if (handle === undefined) return { bytes: none }
  const parts = new Uint32Array(2 * run.length)
  for (const [at, place] of run.entries()) {
    const from = place.offset - offset + frameHeaderBytes
    parts.set([from, from + place.storedSize], 2 * at)
  }
  return threads.ask(stretchWork, { descriptor: handle.fd, offset, length, parts })
}

const readTogether = async (
  opened: OpenPack,
  run: ReadonlyArray<Sought>,
  offset: number,
): Promise<ReadRun> => {
  const length = run.reduce((end, place) => Math.max(end, endOf(place)), offset) - offset
  if (length >= asideBytesMin) {
    if (threads.readyCount > 0) return readAside(opened, run, { offset, length })
    // There will be one the next time.
    threads.warm()
  }
  return { bytes: await readThrough(opened, offset, length) }
}

/** The frame of a place in a run, if a whole one is there. */
const frameIn = (
  { bytes, digests }: ReadRun,
  place: Sought,
  { from, at }: { readonly from: number; readonly at: number },
): Frame | undefined => {
  const header = readFrameHeader(bytes.subarray(from))
  if (header === undefined || header.storedSize !== place.storedSize) return undefined
  const begin = from + frameHeaderBytes
  const stored = bytes.subarray(begin, begin + header.storedSize)
  const digest =
    digests === undefined
      ? digestOf(stored)
      : toDigest(digests.subarray(at * digestBytes, (at + 1) * digestBytes))
  const isWhole = digest === place.storedDigest || digest === header.storedDigest
  return isWhole ? new LoadedFrame(header, digest, stored) : undefined
}

/** Opens nothing yet: a pack is opened when a frame of it is read. */
export const openPackReader = (directory: string): PackReader => {
  const packs = new Map<number, OpenPack>()

  const drop = async (pack: number) => {
    const opened = packs.get(pack)
    if (opened === undefined) return
    packs.delete(pack)
    opened.dropped = true
    if (opened.uses === 0) await closePack(opened)
  }

  const take = async (pack: number): Promise<OpenPack> => {
    const opened = packs.get(pack) ?? openPack(directory, pack)
    // Taken out and put back: the first of the map is then the one that was used longest ago.
    packs.delete(pack)
    packs.set(pack, opened)
    opened.uses += 1
    const [oldest] = packs.keys()
    if (packs.size > openCountMax && oldest !== undefined) await drop(oldest)
    return opened
  }

  const readRun = async (run: ReadonlyArray<Sought>, found: Map<Sought, Frame | undefined>) => {
    const [first] = run
    if (first === undefined) return
    const { pack, offset } = first
    const opened = await take(pack)
    try {
      const read = await readTogether(opened, run, offset)
      // Not kept open: what is missing or cannot be read may be there again next time.
      if (read.bytes.length === 0) await drop(pack)
      for (const [at, place] of run.entries())
        found.set(place, frameIn(read, place, { from: place.offset - offset, at }))
    } catch (cause) {
      await drop(pack)
      throw cause
    } finally {
      opened.uses -= 1
      if (opened.dropped && opened.uses === 0) await closePack(opened)
    }
  }

  const readRuns = async (places: ReadonlyArray<Sought>) => {
    const found = new Map<Sought, Frame | undefined>()
    for (const run of runsOf(places)) await readRun(run, found)
    return places.map((place) => found.get(place))
  }

  const reads = new Set<Promise<unknown>>()
  let closed = false
  return {
    frames: async (places) => {
      if (closed) throw stopped("read")
      const read = readRuns(places)
      reads.add(read)
      try {
        return await read
      } finally {
        reads.delete(read)
      }
    },
    drop,
    close: async () => {
      closed = true
      // Also those that nobody waits for any more: they hold handles.
      await Promise.allSettled(reads)
      for (const pack of [...packs.keys()]) await drop(pack)
    },
  }
}

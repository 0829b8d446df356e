/**
 * The end of a pack as a removal takes it: which of its last frames, and which bytes of them stay.
 *
 * A slice has no more to be moved than fits on a disk that is nearly full, and no more frames than
 * are written to the index at once. Knows no file, and changes nothing.
 */
import { packHeaderBytes } from "./pack.js"
import type { Extent, PackFrames } from "./pack-frames.js"

export interface SliceBounds {
  /** Of what stays; more only where one frame is larger. */
  readonly bytesMax: number
  readonly countMax: number
  /** Whether bytes stay that are in no row: where damage is known, somebody's may be. */
  readonly restStays: boolean
}

export interface Slice {
  /** Where it begins, and everything behind it can be cut off. */
  readonly start: number
  /** Its first frame; those before stay where they are. */
  readonly first: number
  /** What stays of it. */
  readonly kept: ReadonlyArray<Extent>
  /** How much that is. */
  readonly bytes: number
}

type Begin = Pick<Slice, "first" | "start">

/** Extents in order of their beginnings: those that meet are one. */
const united = (extents: ReadonlyArray<Extent>): ReadonlyArray<Extent> => {
  const all: Array<Extent> = []
  for (const extent of [...extents].sort((a, b) => a.from - b.from)) {
    const last = all.at(-1)
    if (extent.to <= extent.from) continue
    if (last === undefined || last.to < extent.from) all.push(extent)
    else if (last.to < extent.to) all[all.length - 1] = { from: last.from, to: extent.to }
  }
  return all
}

/** What lies between frames. */
const restOf = (frames: PackFrames, { first, start }: Begin, end: Ends) => {
  const rest: Array<Extent> = []
  let from = start
  for (let at = first; at < end.last; at += 1) {
    rest.push({ from, to: frames.from(at) })
    from = Math.max(from, frames.to(at))
  }
  return [...rest, { from, to: end.offset }]
}

/** Where the slice before this one, or the pack, ends. */
export interface Ends {
  /** Of its frames; this one is not part of it any more. */
  readonly last: number
  readonly offset: number
}

const lengthOf = ({ from, to }: Extent): number => Math.max(0, to - from)

/** The frames at the end that make up a slice, and where it begins. */
const beginningOf = (frames: PackFrames, { last, offset }: Ends, bounds: SliceBounds) => {
  const { bytesMax, countMax, restStays } = bounds
  let [first, start, bytes] = [last, offset, 0]
  while (first > 0 && last - first < countMax) {
    const at = first - 1
    const [from, to] = [frames.from(at), frames.to(at)]
    const rest = restStays ? lengthOf({ from: to, to: start }) : 0
    const size = rest + (frames.goes(at) ? 0 : to - from)
    // What goes takes nothing, and gives the more.
    if (bytes > 0 && size > 0 && bytes + size > bytesMax) break
    bytes += size
    first = at
    start = Math.min(start, from)
  }
  if (first === 0) return { first, start: packHeaderBytes }
  // What lies before it and is nobody's goes with it.
  return { first, start: restStays ? start : Math.min(start, frames.to(first - 1)) }
}

/** A slice without its first frames, where they stay and may do so in their place. */
const trimmed = (frames: PackFrames, begin: Begin, end: Ends, restStays: boolean): Begin => {
  let { first, start } = begin
  while (first < end.last && !frames.goes(first) && (restStays || frames.from(first) <= start)) {
    start = Math.max(start, frames.to(first))
    first += 1
  }
  // Nothing of it goes: it has to be moved for the sake of what lies before it.
  const staysWhole = first === end.last && (restStays || start >= end.offset)
  return staysWhole ? begin : { first, start }
}

/** The next slice of a pack, from its end. */
export const nextSlice = (frames: PackFrames, end: Ends, bounds: SliceBounds): Slice => {
  const widest = beginningOf(frames, end, bounds)
  const begin = trimmed(frames, widest, end, bounds.restStays)
  const stays: Array<Extent> = bounds.restStays ? restOf(frames, begin, end) : []
  for (let at = begin.first; at < end.last; at += 1)
    if (!frames.goes(at)) stays.push({ from: frames.from(at), to: frames.to(at) })
  const kept = united(stays)
  return { ...begin, kept, bytes: kept.reduce((sum, extent) => sum + lengthOf(extent), 0) }
}

/** Whether frames lie in each other: then none can be cut off without another one. */
export const areEntangled = (frames: PackFrames): boolean => {
  let end = 0
  for (let at = 0; at < frames.count; at += 1) {
    if (frames.from(at) < end) return true
    end = frames.to(at)
  }
  return false
}

/** How many bytes before an offset are not to be kept. */
export const garbageIn = (frames: PackFrames, end: number, restStays: boolean): number => {
  let [stays, goes] = [0, 0]
  for (let at = 0; at < frames.count; at += 1) {
    const size = frames.to(at) - frames.from(at)
    if (frames.goes(at)) goes += size
    else stays += size
  }
  return restStays ? goes : Math.max(0, end - packHeaderBytes - stays)
}

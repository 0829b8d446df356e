/**
 * The extra fields of an entry (APPNOTE.TXT 6.3.10, 4.5 and 4.6): numbers that did not fit into the
 * header, and a second name that some programs would use.
 *
 * Knows no other field, and takes no notice of those.
 */
import { readU64 } from "./end.js"
import { u32Max, wideTag } from "./header.js"
import { quoted, refuseEntry } from "./refused.js"

// Info-ZIP Unicode Path (4.6.9): revision, CRC-32 of the name in the header, the name as UTF-8.
const unicodePathTag = 0x7075
const unicodePathHeadBytes = 5

const tagBytes = 4

export interface ExtraFields {
  /** Numbers of ZIP64 (4.5.3). */
  readonly wide: Buffer | undefined
  /** The other name. */
  readonly unicodePath: Buffer | undefined
}

/** The fields that are known here, each of which may come once. `name` is that of the header. */
export const readExtra = (name: Buffer, extra: Buffer): ExtraFields => {
  const fields = new Map<number, Buffer>()
  const refuse = (problem: string): never => refuseEntry(name, problem)
  let at = 0
  while (at + tagBytes <= extra.length) {
    const tag = extra.readUInt16LE(at)
    const end = at + tagBytes + extra.readUInt16LE(at + 2)
    if (end > extra.length) refuse("has extra fields that reach beyond their end")
    const isKnown = tag === wideTag || tag === unicodePathTag
    if (isKnown && fields.has(tag)) refuse("has the same extra field twice")
    if (isKnown) fields.set(tag, extra.subarray(at + tagBytes, end))
    at = end
  }
  // Programs that align contents fill up with zeros, too few for a field.
  if (extra.subarray(at).some((byte) => byte !== 0))
    refuse("has extra fields that reach beyond their end")
  const unicodePath = fields.get(unicodePathTag)?.subarray(unicodePathHeadBytes)
  if (unicodePath !== undefined && !unicodePath.equals(name))
    refuse(`has another name beside it, ${quoted(unicodePath)}`)
  return { wide: fields.get(wideTag), unicodePath }
}

/** The numbers of a header, where full ones stand for those of the ZIP64 field, in its order. */
export const wideNumbers = (
  name: string,
  { wide }: ExtraFields,
  numbers: ReadonlyArray<number>,
): ReadonlyArray<number> => {
  if (wide === undefined) return numbers
  let at = 0
  return numbers.map((number) => {
    if (number !== u32Max) return number
    if (at + 8 > wide.length) return refuseEntry(name, "has a ZIP64 field that is too short")
    at += 8
    return readU64(wide, at - 8)
  })
}

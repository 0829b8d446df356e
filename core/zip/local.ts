/**
 * The entries of a foreign archive where they lie (APPNOTE.TXT 6.3.10, 4.3.7 and 4.3.9): each local
 * header and each data descriptor says what the directory says, and records and contents fill the
 * archive up to its directory, without a gap and without an overlap.
 *
 * So whoever reads the archive from the front sees the same entries. Reads no content.
 */
import * as Effect from "effect/Effect"
import type { Refusal } from "../errors.js"
import { type ArchiveBytes, type Read, readAhead } from "./archive-bytes.js"
import { type Claim, flagDescriptor } from "./claims.js"
import { readU64 } from "./end.js"
import { readExtra, wideNumbers } from "./extra.js"
import { type Directory, localBytes, localSignature } from "./header.js"
import { checked, refuseArchive, refuseEntry } from "./refused.js"

/** An entry that is where it should be. Its content is not looked at yet. */
export interface Member extends Claim {
  /** Offset of its content. */
  readonly start: number
}

const descriptorSignature = 0x08074b50

const hasDescriptor = ({ flags }: Claim): boolean => (flags & flagDescriptor) !== 0

/** Refuses a local header that says anything else than the directory. */
const checkLocal = (claim: Claim, fixed: Buffer, name: Buffer, extra: Buffer): void => {
  const differs = (what: string): never =>
    refuseEntry(claim.name, `has one ${what} in the directory and another where it lies`)
  if (!name.equals(Buffer.from(claim.name))) differs("name")
  if (fixed.readUInt16LE(6) !== claim.flags) differs("set of flags")
  if (fixed.readUInt16LE(8) !== claim.method) differs("method")
  const narrow = [fixed.readUInt32LE(22), fixed.readUInt32LE(18)]
  const [size, compressedSize] = wideNumbers(claim.name, readExtra(name, extra), narrow)
  const crc = fixed.readUInt32LE(14)
  // Behind a content whose end was not known beforehand a descriptor says what is left zero here.
  const isOpen = (found: number | undefined): boolean => found === 0 && hasDescriptor(claim)
  if (crc !== claim.crc32 && !isOpen(crc)) differs("CRC")
  if (size !== claim.size && !isOpen(size)) differs("size")
  if (compressedSize !== claim.compressedSize && !isOpen(compressedSize)) differs("size")
}

/** With its signature or without, of 32 bits or of 64: its length tells which. */
const checkDescriptor = ({ name, crc32, size, compressedSize }: Claim, found: Buffer): void => {
  const isMarked = found.length % 8 === 0
  const at = isMarked ? 4 : 0
  const isWide = found.length - at === 20
  const read = (index: number): number =>
    isWide ? readU64(found, at + 4 + 8 * index) : found.readUInt32LE(at + 4 + 4 * index)
  const isSame = found.readUInt32LE(at) === crc32 && read(0) === compressedSize && read(1) === size
  if (!isSame || (isMarked && found.readUInt32LE(0) !== descriptorSignature))
    refuseEntry(name, "has a data descriptor that says something else than the directory")
}

const descriptorLengths = [12, 16, 20, 24]

/** Between a content and what comes next there may be its descriptor, and nothing else. */
const checkGap = (claim: Claim, gap: number): void => {
  if (gap < 0) refuseEntry(claim.name, "overlaps what comes next in the archive")
  if (hasDescriptor(claim) ? !descriptorLengths.includes(gap) : gap !== 0)
    refuseEntry(claim.name, `is followed by ${gap} bytes that belong to nothing`)
}

/** `next` is where the next record begins. */
const readMember = Effect.fnUntraced(function* <E>(
  read: Read<E>,
  claim: Claim,
  next: number,
): Effect.fn.Return<Member, E | Refusal> {
  const { name, offset } = claim
  const fixed = yield* read(offset, localBytes)
  if (fixed.readUInt32LE(0) !== localSignature)
    return yield* checked(() => refuseEntry(name, "is not where the directory says"))
  const nameLength = fixed.readUInt16LE(26)
  const length = nameLength + fixed.readUInt16LE(28)
  const rest = yield* read(offset + localBytes, length)
  const [local, extra] = [rest.subarray(0, nameLength), rest.subarray(nameLength)]
  yield* checked(() => checkLocal(claim, fixed, local, extra))
  const start = offset + localBytes + length
  const end = start + claim.compressedSize
  yield* checked(() => checkGap(claim, next - end))
  if (hasDescriptor(claim)) {
    const found = yield* read(end, next - end)
    yield* checked(() => checkDescriptor(claim, found))
  }
  return { ...claim, start }
})

/** The entries, in the order in which they lie in the archive. */
export const readMembers = Effect.fnUntraced(function* <E>(
  bytes: ArchiveBytes<E>,
  { start: end }: Directory,
  claims: ReadonlyArray<Claim>,
): Effect.fn.Return<ReadonlyArray<Member>, E | Refusal> {
  const read = readAhead(bytes)
  const ordered = [...claims].sort((a, b) => a.offset - b.offset)
  if ((ordered[0]?.offset ?? end) !== 0)
    return yield* checked(() => refuseArchive("has other bytes in front of its first entry"))
  const members: Array<Member> = []
  for (const [index, claim] of ordered.entries())
    members.push(yield* readMember(read, claim, ordered[index + 1]?.offset ?? end))
  return members
})

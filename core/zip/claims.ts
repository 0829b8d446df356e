/**
 * The central directory of a foreign archive (APPNOTE.TXT 6.3.10, 4.3.12): what it claims of each
 * entry, as far as that can be told without a look at the entries themselves.
 *
 * Every number here is a claim. Nothing is allocated by one, and a claim that no honest archive
 * makes is refused.
 */
import * as Effect from "effect/Effect"
import type { Refusal } from "../errors.js"
import { pathBytesMax, zipEntryHeldBytesMax } from "../limits.js"
import type { RelativePath } from "../model/path.js"
import { compareUtf8, type EntryKind } from "../model/tree.js"
import { type ArchiveBytes, readAhead } from "./archive-bytes.js"
import { Claimed, checkEntryCount, type ZipCaps } from "./caps.js"
import { findClash } from "./entry.js"
import { readExtra, wideNumbers } from "./extra.js"
import { foreignKind, foreignName, foreignPath } from "./foreign-name.js"
import {
  centralBytes,
  centralSignature,
  type Directory,
  flagUtf8,
  methodDeflate,
  methodStored,
  u16Max,
  u32Max,
} from "./header.js"
import { checked, quoted, refuseArchive, refuseEntry } from "./refused.js"

/** An entry as the directory describes it. */
export interface Claim {
  /** As it stands in the archive: that of a directory ends in a slash. */
  readonly name: string
  readonly path: RelativePath
  readonly kind: EntryKind
  readonly executable: boolean
  readonly flags: number
  readonly method: number
  readonly crc32: number
  /** Bytes of content, and of its form in the archive. */
  readonly size: number
  readonly compressedSize: number
  /** Of its local header. */
  readonly offset: number
}

// 4.4.4. Bits 1 and 2 say how hard deflate tried.
const flagEncrypted = 0x0001
export const flagDescriptor = 0x0008
const flagPatch = 0x0020
const flagStrong = 0x0040
const flagMasked = 0x2000
const flagsKnown = 0x0006 | flagDescriptor | flagUtf8

/** Refuses what cannot be read: ciphers, patches, methods other than these two. */
const checkForm = (name: string, flags: number, method: number): void => {
  if ((flags & (flagEncrypted | flagStrong | flagMasked)) !== 0)
    refuseEntry(name, "is encrypted: pack it again without a password")
  if ((flags & flagPatch) !== 0) refuseEntry(name, "is a patch, not a file")
  if ((flags & ~flagsKnown) !== 0)
    refuseEntry(name, `has flags of an unknown meaning (0x${flags.toString(16)})`)
  if (method !== methodStored && method !== methodDeflate)
    refuseEntry(name, `is packed by method ${method}: only stored (0) and deflate (8) are read`)
}

/** What is no file is small, and lies in memory while it is looked at. */
const checkSize = ({ name, kind, method, size, compressedSize, crc32 }: Claim): void => {
  if (method === methodStored && compressedSize !== size)
    refuseEntry(name, "is stored as it is, but claims another size for its stored form")
  if (kind === "file") return
  if (kind === "directory" && (size !== 0 || crc32 !== 0))
    refuseEntry(name, "is a directory with content")
  if (kind === "symlink" && (size === 0 || size > pathBytesMax))
    refuseEntry(name, `is a link with a target of ${size} bytes: 1 to ${pathBytesMax} are allowed`)
  if (compressedSize > zipEntryHeldBytesMax)
    refuseEntry(name, `is a ${kind} that takes ${compressedSize} bytes of the archive`)
}

interface Fixed {
  readonly bytes: Buffer
  readonly nameLength: number
  readonly extraLength: number
  /** Of the whole record. */
  readonly length: number
}

/** The record that begins with these bytes and has to lie in so many. */
const fixedOf = (bytes: Buffer, left: number): Fixed => {
  const damaged = "has a directory that is damaged, or counts more entries than it has"
  if (left < centralBytes || bytes.readUInt32LE(0) !== centralSignature)
    return refuseArchive(damaged)
  const nameLength = bytes.readUInt16LE(28)
  const extraLength = bytes.readUInt16LE(30)
  const length = centralBytes + nameLength + extraLength + bytes.readUInt16LE(32)
  return length > left ? refuseArchive(damaged) : { bytes, nameLength, extraLength, length }
}

const claimOf = ({ bytes, nameLength }: Fixed, rest: Buffer): Claim => {
  const flags = bytes.readUInt16LE(8)
  const named = rest.subarray(0, nameLength)
  const extra = readExtra(named, rest.subarray(nameLength))
  // Info-ZIP's own field says that a name is UTF-8 as the flag does.
  const isMarked = (flags & flagUtf8) !== 0 || extra.unicodePath !== undefined
  const name = foreignName(named, isMarked)
  const method = bytes.readUInt16LE(10)
  checkForm(name, flags, method)
  const disk = bytes.readUInt16LE(34)
  const narrow = [24, 20, 42].map((field) => bytes.readUInt32LE(field))
  const [size = 0, compressedSize = 0, offset = 0] = wideNumbers(name, extra, narrow)
  // A full number of the disk stands for one in the ZIP64 field, where it can only be 0.
  if (disk !== 0 && !(disk === u16Max && narrow.includes(u32Max)))
    refuseEntry(name, "lies in another part of the archive: join its parts first")
  const claim = {
    name,
    path: foreignPath(name),
    ...foreignKind(name, bytes.readUInt32LE(38)),
    flags,
    method,
    crc32: bytes.readUInt32LE(16),
    size,
    compressedSize,
    offset,
  }
  checkSize(claim)
  return claim
}

/** A claim under the name by which its path is compared. */
interface Named {
  readonly name: string
  readonly claim: Claim
}

/**
 * The claims by path. Two of one path, and one below a file or a link, are refused, in whatever
 * order they come: what is written second would go where the first one points.
 */
const sortClaims = (claims: ReadonlyArray<Claim>): ReadonlyArray<Claim> => {
  const paths = new Set<string>()
  for (const { name, path } of claims) {
    if (paths.has(path)) refuseEntry(name, "is not the only one of its name")
    paths.add(path)
  }
  const sorted = claims
    .map(
      (claim): Named => ({
        name: claim.kind === "directory" ? `${claim.path}/` : claim.path,
        claim,
      }),
    )
    .sort((a, b) => compareUtf8(a.name, b.name))
  const clash = findClash(sorted)
  if (clash?.above === undefined) return sorted.map(({ claim }) => claim)
  const { kind, path } = clash.above.claim
  return refuseEntry(clash.named.claim.name, `lies below the ${kind} ${quoted(path)}`)
}

/** Reads the directory, and refuses what it claims where no archive of its kind is taken. */
export const readClaims = Effect.fnUntraced(function* <E>(
  bytes: ArchiveBytes<E>,
  { count, start, length }: Directory,
  caps: ZipCaps,
): Effect.fn.Return<ReadonlyArray<Claim>, E | Refusal> {
  yield* checked(() => checkEntryCount(caps, count))
  const read = readAhead(bytes)
  const claimed = new Claimed(caps, bytes.size)
  const claims: Array<Claim> = []
  const end = start + length
  let at = start
  while (claims.length < count) {
    const fixed = yield* Effect.flatMap(read(at, Math.min(centralBytes, end - at)), (found) =>
      checked(() => fixedOf(found, end - at)),
    )
    const rest = yield* read(at + centralBytes, fixed.nameLength + fixed.extraLength)
    const claim = yield* checked(() => claimOf(fixed, rest))
    yield* checked(() => claimed.add(claim))
    claims.push(claim)
    at += fixed.length
  }
  if (at !== end)
    return yield* checked(() => refuseArchive("has a directory of another length than it says"))
  return yield* checked(() => sortClaims(claims))
})

/**
 * Foreign archives as members and their contents, every cap enforced.
 *
 * What the directory claims is checked first, against the caps and against the entries where they
 * lie; then each content is held to what was claimed of it while it comes. Does not know what
 * becomes of contents, and never looks into one: an archive in an archive is a file.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Refusal } from "../errors.js"
import { zipEntryHeldBytesMax, zipInflateBytes, zipReadBytes } from "../limits.js"
import { textOf } from "../model/utf8.js"
import { type ArchiveBytes, readAhead } from "./archive-bytes.js"
import type { ZipCaps } from "./caps.js"
import { readClaims } from "./claims.js"
import { findDirectory } from "./end.js"
import { methodStored } from "./header.js"
import { Inflating } from "./inflate.js"
import { type Member, readMembers } from "./local.js"
import { checked, refuseEntry } from "./refused.js"

export type { Member } from "./local.js"

/**
 * The members of an archive, in the order in which they lie in it: of paths that are ours, none
 * twice, none below a file or a link, together within the caps. Their contents are not read yet.
 */
export const readZip = Effect.fnUntraced(function* <E>(
  bytes: ArchiveBytes<E>,
  caps: ZipCaps,
): Effect.fn.Return<ReadonlyArray<Member>, E | Refusal> {
  const directory = yield* findDirectory(bytes)
  const claims = yield* readClaims(bytes, directory, caps)
  return yield* readMembers(bytes, directory, claims)
})

/** One content on its way out, held to what was claimed of it: size, CRC, and the end it has. */
class Unpacking {
  readonly #member: Member
  readonly #inflating: Inflating | undefined
  #given = 0
  #taken = 0
  #crc = 0

  constructor(member: Member) {
    this.#member = member
    this.#inflating = member.method === methodStored ? undefined : new Inflating()
  }

  /** How much of the archive is taken in one go. */
  get pieceBytes(): number {
    return this.#inflating === undefined ? zipReadBytes : zipInflateBytes
  }

  /** What comes of the next piece; throws at the first byte too many. */
  take(piece: Uint8Array): Uint8Array {
    const { name, size } = this.#member
    const given = this.#inflate(piece)
    this.#given += given.length
    this.#taken += piece.length
    if (this.#given > size) refuseEntry(name, `gives more than the ${size} bytes that it claims`)
    this.#crc = crc32(given, this.#crc)
    return given
  }

  /** Throws unless that was all of it, and what was claimed. */
  end(): void {
    const { name, size, crc32: claimed } = this.#member
    if (this.#inflating !== undefined && this.#inflating.unused === undefined)
      refuseEntry(name, "ends before its deflate stream does: it is damaged")
    if (this.#given < size) refuseEntry(name, `gives fewer than the ${size} bytes that it claims`)
    if (this.#crc !== claimed) refuseEntry(name, "is damaged: its CRC is not that of its bytes")
  }

  #inflate(piece: Uint8Array): Uint8Array {
    const { name, compressedSize } = this.#member
    if (this.#inflating === undefined) return piece
    let made: Uint8Array
    try {
      made = this.#inflating.push(piece)
    } catch {
      return refuseEntry(name, "is damaged: its bytes are no deflate stream")
    }
    const { unused } = this.#inflating
    const left = compressedSize - this.#taken - piece.length
    if (unused !== undefined && unused + left > 0)
      refuseEntry(name, `has ${unused + left} bytes behind the end of its deflate stream`)
    return made
  }
}

/** Whether a content is small enough, packed and not, to be held as a whole. */
export const isHeld = ({ size, compressedSize }: Member): boolean =>
  size <= zipEntryHeldBytesMax && compressedSize <= zipEntryHeldBytesMax

const unpack = (member: Member, packed: Uint8Array): Buffer => {
  const unpacking = new Unpacking(member)
  const given: Array<Uint8Array> = []
  for (let at = 0; at < packed.length; at += unpacking.pieceBytes)
    given.push(unpacking.take(packed.subarray(at, at + unpacking.pieceBytes)))
  unpacking.end()
  return Buffer.concat(given)
}

/** The content of a member that `isHeld`, checked. */
export const heldContent = <E>(
  bytes: ArchiveBytes<E>,
  member: Member,
): Effect.Effect<Buffer, E | Refusal> =>
  Effect.flatMap(bytes.read(member.start, member.compressedSize), (packed) =>
    checked(() => unpack(member, packed)),
  )

/** Any content as it comes. The last bytes leave before it is known whether all of it was right. */
export const streamedContent = <E>(
  bytes: ArchiveBytes<E>,
  member: Member,
): Stream.Stream<Uint8Array, E | Refusal> =>
  Stream.suspend(() => {
    const read = readAhead(bytes)
    const unpacking = new Unpacking(member)
    const end = member.start + member.compressedSize
    const pieces = Stream.unfold(member.start, (at) => {
      if (at >= end)
        return Effect.as(
          checked(() => unpacking.end()),
          undefined,
        )
      const length = Math.min(unpacking.pieceBytes, end - at)
      const given = Effect.flatMap(read(at, length), (piece) =>
        checked(() => unpacking.take(piece)),
      )
      return Effect.map(given, (made) => [made, at + length] as const)
    })
    return Stream.filter(pieces, ({ length }) => length > 0)
  })

/** The target of a link, whose content it is. It is a text, and followed by nobody here. */
export const linkTarget = ({ name }: Member, content: Uint8Array): string => {
  const target = textOf(content)
  if (target === undefined) return refuseEntry(name, "is a link whose target is no UTF-8")
  return target.includes("\0") ? refuseEntry(name, "is a link whose target has a null") : target
}

/**
 * Reading a file that is open: whole, in parts, or by the pieces that its states name.
 */
import { crc32 } from "node:zlib"
import { fileReadBytes } from "../limits.js"
import { type Digest, digestOf, hasher, toDigest } from "../model/digest.js"
import { drifted, sentences } from "./found.js"
import { pieceBytes } from "./pieces.js"
import type { OpenFile } from "./safe-path.js"

/** What is to be known of a file that was taken in. */
export interface TakenFile {
  readonly digest: Digest
  readonly crc32: number
  /** A SHA-256 of each piece, where there are several and somebody will read by them. */
  readonly pieces?: Uint8Array
}

/** Exactly these bytes. Throws `ContentDrifted` where the file ends before. */
export const readExactly = async (
  { handle }: Pick<OpenFile, "handle">,
  shown: string,
  start: number,
  length: number,
): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, length - at, start + at)
    if (bytesRead === 0) throw drifted(shown, sentences.shorter)
    at += bytesRead
  }
  return bytes
}

/** The bytes of a file that it had when it was opened, in parts. */
export async function* partsOf(file: OpenFile, shown: string): AsyncGenerator<Buffer> {
  const { size } = file.found
  for (let start = 0; start < size; start += fileReadBytes)
    yield await readExactly(file, shown, start, Math.min(fileReadBytes, size - start))
}

// On another thread: the digest of the whole is made on this one.
const pieceDigest = async (piece: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", piece as Uint8Array<ArrayBuffer>))

const piecesOf = (bytes: Uint8Array): ReadonlyArray<Promise<Uint8Array>> =>
  Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    pieceDigest(bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes)),
  )

/** What is to be known of a file that stays where it is. */
export const digestFile = async (file: OpenFile, shown: string): Promise<TakenFile> => {
  const { size } = file.found
  if (size <= pieceBytes) {
    const bytes = await readExactly(file, shown, 0, size)
    return { digest: digestOf(bytes), crc32: crc32(bytes) }
  }
  const hash = hasher()
  const pieces: Array<Uint8Array> = []
  let crc = 0
  // While a part is hashed, the next one is read.
  let hashing: Promise<ReadonlyArray<Uint8Array>> = Promise.resolve([])
  for await (const part of partsOf(file, shown)) {
    pieces.push(...(await hashing))
    hashing = Promise.all(piecesOf(part))
    hash.update(part)
    crc = crc32(part, crc)
  }
  pieces.push(...(await hashing))
  return { digest: toDigest(hash.bytes()), crc32: crc, pieces: Buffer.concat(pieces) }
}

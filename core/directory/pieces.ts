/**
 * Pieces: the stretches of a file that was left in place which have digests of their own, so that
 * what is read of it can be checked before it is handed out.
 */
import { sha256 } from "../model/digest.js"

/** Bytes of the pieces that a file is checked by; part of the format. */
export const pieceBytes = 262_144

/** A SHA-256 of each piece of a file, one after the other; undefined where it has only one. */
export const digestPieces = (bytes: Uint8Array): Uint8Array | undefined => {
  if (bytes.length <= pieceBytes) return undefined
  const digests: Array<Uint8Array> = []
  for (let start = 0; start < bytes.length; start += pieceBytes)
    digests.push(sha256(bytes.subarray(start, start + pieceBytes)))
  return Buffer.concat(digests)
}

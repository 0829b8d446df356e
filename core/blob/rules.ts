/**
 * What every driver of the blobs decides and reports alike: which bytes a range covers, and the
 * failures of the port with their messages.
 *
 * Knows nothing about technologies: what only one driver can run into is handled in that driver.
 */
import { BlobCorrupted, BlobFailure, type Outcome } from "../errors.js"
import { storageReason } from "../model/cause.js"
import type { Digest } from "../model/digest.js"
import type { ByteRange } from "./blob-store.js"
import { type Finding, type Stretch, wording } from "./damage.js"
import { packName } from "./pack-files.js"

const nextSteps: Readonly<Record<BlobFailure["reason"], string>> = {
  full: "make room on the disk and try again",
  "read-only": "make its disk writable",
  permission: "give this process access to its files",
  missing: "restore what is missing",
  conflict: "use the release of this program that made it",
  stopped: "open it again",
  damaged: "open it again, which makes its index anew from the packs",
  io: "look at the disk, and at the cause",
}

/** A foreign error as the port's, wrapped where it enters; the port's own stay as they are. */
export const blobFailure = (
  operation: string,
  cause: unknown,
  outcome: Outcome = "none",
): BlobFailure => {
  if (cause instanceof BlobFailure) return cause
  const reason = storageReason(cause)
  const message = `the blob store failed to ${operation}: ${nextSteps[reason]}`
  return new BlobFailure({ message, operation, reason, outcome, cause })
}

/** What a store answers once it is closed. */
export const stopped = (operation: string): BlobFailure =>
  new BlobFailure({
    message: `the blob store is closed and cannot ${operation}: open it again`,
    operation,
    reason: "stopped",
    outcome: "none",
  })

/** `found` says what is wrong with the blob, `step` what to do: both parts of one sentence. */
export const corrupted = (
  digest: Digest,
  found: string,
  step = "restore it from a backup",
  where?: Stretch,
): BlobCorrupted => {
  const message = `blob ${digest} ${found}: ${step}`
  if (where === undefined) return new BlobCorrupted({ message, digest })
  const { pack, from, to } = where
  return new BlobCorrupted({ message, digest, where: { pack: packName(pack), from, to } })
}

/** `damage`: that with which it was lost. */
export const absent = (digest: Digest, damage?: Finding): BlobCorrupted =>
  damage === undefined
    ? corrupted(digest, "is not in the store")
    : corrupted(digest, `is lost, since ${wording(damage)}`, undefined, damage)

/** What a promise of a driver may have been rejected with, as the port's errors. */
export const storageError =
  (operation: string, outcome: Outcome = "none") =>
  (cause: unknown): BlobFailure | BlobCorrupted =>
    cause instanceof BlobCorrupted ? cause : blobFailure(operation, cause, outcome)

/** The range within `size` bytes, all of them when there is none. Empty when it lies outside. */
export const clamp = (range: ByteRange | undefined, size: number): ByteRange => {
  if (range === undefined) return { start: 0, end: size }
  const within = (index: number) => Math.min(Math.max(Math.trunc(index) || 0, 0), size)
  const start = within(range.start)
  return { start, end: Math.max(start, within(range.end)) }
}

/**
 * Work for a thread: some small files of one directory, read whole and told what they are.
 *
 * A file that changed since it was listed, or changes while it is read, is said to. Does not know
 * what becomes of the bytes.
 */
import { crc32 } from "node:zlib"
import { digestOf } from "../model/digest.js"
import type { Done, Work } from "../thread/work.js"
import type { TakenFile } from "./file.js"
import type { Found } from "./found.js"
import { isUnchanged } from "./look.js"
import {
  type Below,
  fillNow,
  type Problem,
  problemOf,
  statNow,
  unfit,
  usingFile,
  Way,
} from "./open-now.js"
import { digestPieces } from "./pieces.js"
import type { Place } from "./safe-path.js"

/** Files of one directory, as they were listed. */
export interface ReadJob {
  readonly root: Place
  readonly below: Below
  readonly files: ReadonlyArray<{ readonly name: string; readonly found: Found }>
}

/** In the order of the job. */
export type ReadResults<A> = ReadonlyArray<A | { readonly problem: Problem }>

/** Reads one file after the other, for a thread of its own. The bytes are lent for the call. */
export const readEach = <A>(
  { root, below, files }: ReadJob,
  take: (bytes: Buffer) => A,
): ReadResults<A> => {
  const most = files.reduce((size, { found }) => Math.max(size, found.size), 0)
  const room = Buffer.allocUnsafeSlow(most)
  const way = new Way(root)
  try {
    return files.map(({ name, found }) => {
      const bytes = room.subarray(0, found.size)
      try {
        const opened = way.to(below).file(name)
        usingFile(opened, (file) => {
          if (!isUnchanged(found, file.found)) throw unfit("changed")
          fillNow(file, bytes)
          if (!isUnchanged(found, statNow(file.descriptor))) throw unfit("changed")
        })
      } catch (cause) {
        return { problem: problemOf(cause) }
      }
      return take(bytes)
    })
  } finally {
    way.close()
  }
}

const takenOf = (bytes: Buffer): TakenFile => {
  const taken = { digest: digestOf(bytes), crc32: crc32(bytes) }
  const pieces = digestPieces(bytes)
  return pieces === undefined ? taken : { ...taken, pieces }
}

export const answer = (job: ReadJob): Done<ReadResults<TakenFile>> => ({
  value: readEach(job, takenOf),
})

export const readWork: Work<ReadJob, ReadResults<TakenFile>> = { module: import.meta.url, answer }

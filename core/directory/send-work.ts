/**
 * Work for a thread: small files of a folder that was left in place, each read whole and held
 * against the digest that it was registered with.
 *
 * Their bytes come back one behind the other. Does not know where they are sent.
 */
import { type Digest, digestOf } from "../model/digest.js"
import { splitPath } from "../model/path.js"
import type { Done, Work } from "../thread/work.js"
import { fillNow, type Problem, problemOf, unfit, usingFile, Way } from "./open-now.js"
import type { Place } from "./safe-path.js"

/** A file as it was registered. */
export interface RegisteredFile {
  /** Below the folder. */
  readonly path: string
  readonly size: number
  readonly digest: Digest
}

export interface SendJob {
  readonly root: Place
  readonly files: ReadonlyArray<RegisteredFile>
}

/** The bytes of all files, or which of them is not what it was. */
export type Contents =
  | { readonly bytes: Uint8Array }
  | { readonly at: number; readonly problem: Problem }

const fill = (way: Way, { path, size, digest }: RegisteredFile, bytes: Uint8Array): void => {
  const { below, name } = splitPath(path)
  usingFile(way.to({ path: below }).file(name), (file) => {
    if (file.found.size !== size) throw unfit("content")
    fillNow(file, bytes)
  })
  if (digestOf(bytes) !== digest) throw unfit("content")
}

const contentsOf = ({ root, files }: SendJob): Contents => {
  const bytes = Buffer.allocUnsafeSlow(files.reduce((sum, { size }) => sum + size, 0))
  const way = new Way(root)
  let from = 0
  try {
    for (const [at, file] of files.entries()) {
      try {
        fill(way, file, bytes.subarray(from, from + file.size))
      } catch (cause) {
        return { at, problem: problemOf(cause) }
      }
      from += file.size
    }
  } finally {
    way.close()
  }
  return { bytes }
}

export const answer = (job: SendJob): Done<Contents> => {
  const value = contentsOf(job)
  return "bytes" in value ? { value, transfer: [value.bytes.buffer as ArrayBuffer] } : { value }
}

export const sendWork: Work<SendJob, Contents> = { module: import.meta.url, answer }

/**
 * Measuring a folder: how many files it has and how many bytes these are, before any of them is
 * read. What changes meanwhile makes no difference but to the numbers.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { listingCountMax } from "../limits.js"
import { textOf } from "../model/utf8.js"
import { listAll, type ScanFailure } from "./asked.js"
import type { Listed } from "./list-work.js"
import { Listing } from "./listing.js"
import type { OpenDirectory } from "./safe-path.js"

interface Total {
  files: number
  bytes: number
}

export interface Measured {
  readonly files: number
  readonly bytes: number
}

/** Adds the files of a directory to a total; answers with the directories in it. */
const count = (listing: Listing, path: string, total: Total): ReadonlyArray<Listed> => {
  const inner: Array<Listed> = []
  for (let at = 0; at < listing.count; at += 1) {
    const { name, found } = listing.entry(at)
    const text = textOf(name)
    // One that is not UTF-8 is refused when it is scanned.
    if (text === undefined) continue
    if (found.kind === "directory") inner.push({ path: join(path, text) })
    if (found.kind !== "file") continue
    total.files += 1
    total.bytes += found.size
  }
  return inner
}

/** Of a folder and all below it, or of the one name in it that is wanted. */
export const measure = Effect.fnUntraced(function* (
  root: OpenDirectory,
  wanted?: string,
): Effect.fn.Return<Measured, ScanFailure> {
  const total: Total = { files: 0, bytes: 0 }
  const waiting: Array<Listed> = [{ path: "", ...(wanted === undefined ? {} : { only: wanted }) }]
  while (waiting.length > 0) {
    const some = waiting.splice(-listingCountMax)
    for (const [at, listing] of (yield* listAll(root, some)).entries()) {
      // What is gone by now, or cannot be read, is said when it is scanned.
      if (!(listing instanceof Listing)) continue
      for (const inner of count(listing, some[at]?.path ?? "", total)) waiting.push(inner)
    }
  }
  return total
})

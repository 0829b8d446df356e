/**
 * Measuring a folder: how many files it has and how many bytes these are, before any of them is
 * read. What changes meanwhile makes no difference but to the numbers.
 */
import { judgeCountMax } from "../limits.js"
import { textOf } from "../model/utf8.js"
import type { OpenDirectory } from "./safe-path.js"

export interface Measured {
  readonly files: number
  readonly bytes: number
}

/** Of a folder and all below it, or of the one name in it that is wanted. */
export const measure = async (directory: OpenDirectory, wanted?: string): Promise<Measured> => {
  const total = { files: 0, bytes: 0 }
  let names: Array<string> = []
  const count = async () => {
    const some = names
    names = []
    for (const found of await Promise.all(some.map((name) => directory.look(name)))) {
      if (found?.kind !== "file") continue
      total.files += 1
      total.bytes += found.size
    }
  }
  const inner: Array<string> = []
  for await (const { name: bytes, kind } of directory.entries()) {
    const name = textOf(bytes)
    // One that is not UTF-8 is refused when it is scanned.
    if (name === undefined || (wanted !== undefined && name !== wanted)) continue
    if (kind === "directory") inner.push(name)
    else names.push(name)
    if (names.length === judgeCountMax) await count()
  }
  await count()
  for (const name of inner) {
    const opened = await directory.directory(name)
    const { files, bytes } = await measure(opened).finally(() => opened.release())
    total.files += files
    total.bytes += bytes
  }
  return total
}

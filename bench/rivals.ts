/**
 * Libraries that Daybook is compared with, each doing its work once: cacache takes a tree in; yazl,
 * archiver and fflate make an archive of one, read it to its last byte and give its length.
 *
 * Runs in processes of their own, by `apart.ts`.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { ZipArchive } from "archiver"
import { put } from "cacache"
import { type AsyncZippable, zip as fflateZip } from "fflate"
import { ZipFile } from "yazl"
import { drained } from "./programs.js"
import { filesIn } from "./trees.js"

/** How many files cacache is given at a time: as fast as it gets. */
export const putCount = 16

/** All files of a directory under their paths. */
const intoCache = async (directory: string, cache: string): Promise<number> => {
  const paths = await filesIn(directory)
  const rest = paths.values()
  const some = async () => {
    for (const path of rest) await put(cache, path, await readFile(join(directory, path)))
  }
  await Promise.all(Array.from({ length: putCount }, some))
  return paths.length
}

const byYazl = async (directory: string): Promise<number> => {
  const archive = new ZipFile()
  for (const path of await filesIn(directory)) archive.addFile(join(directory, path), path)
  archive.end()
  return await drained(archive.outputStream)
}

const byArchiver = async (directory: string): Promise<number> => {
  const archive = new ZipArchive({ zlib: { level: 6 } })
  archive.directory(directory, "")
  const [length] = await Promise.all([drained(archive), archive.finalize()])
  return length
}

const byFflate = async (directory: string): Promise<number> => {
  const files: AsyncZippable = {}
  for (const path of await filesIn(directory)) files[path] = await readFile(join(directory, path))
  return await new Promise((resolve, reject) => {
    fflateZip(files, { level: 6 }, (error, bytes) =>
      error === null ? resolve(bytes.length) : reject(error),
    )
  })
}

export const rivals = { intoCache, byYazl, byArchiver, byFflate }

export type Rival = keyof typeof rivals

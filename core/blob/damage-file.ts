/**
 * The file `damaged` beside the packs: what is known of their damage from one opening to the next.
 *
 * One line of JSON and the SHA-256 of that line. The index does not keep it, since it can be
 * deleted, and from packs that are gone nothing can be found out again.
 */
import { open, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { fileMode, readIfThere, syncDirectory, writtenOver } from "../disk/files.js"
import { digestOf, isDigest } from "../model/digest.js"
import type { Finding } from "./damage.js"

const states: ReadonlyArray<unknown> = ["damaged", "missing", "replaced"]

const isOffset = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0

const isFinding = (value: unknown): value is Finding => {
  if (typeof value !== "object" || value === null) return false
  const { pack, from, to, state, digests }: Partial<Record<keyof Finding, unknown>> = value
  const isPlaced = [pack, from, to].every(isOffset) && Number(from) <= Number(to)
  return isPlaced && states.includes(state) && Array.isArray(digests) && digests.every(isDigest)
}

export const encodeDamage = (findings: ReadonlyArray<Finding>): string => {
  const line = JSON.stringify(findings)
  return `${line}\n${digestOf(Buffer.from(line))}\n`
}

/** Undefined when the text does not add up. */
export const decodeDamage = (text: string): ReadonlyArray<Finding> | undefined => {
  const [line = "", digest, ...rest] = text.split("\n")
  if (digest !== digestOf(Buffer.from(line)) || rest.join() !== "") return undefined
  try {
    const findings: unknown = JSON.parse(line)
    return Array.isArray(findings) && findings.every(isFinding) ? findings : undefined
  } catch {
    return undefined
  }
}

const pathIn = (directory: string): string => join(directory, "damaged")

/** None where there is no such file; undefined where it does not add up. */
export const readDamage = async (
  directory: string,
): Promise<ReadonlyArray<Finding> | undefined> => {
  const text = await readIfThere(pathIn(directory))
  return text === undefined ? [] : decodeDamage(text)
}

/** Durable, and the old one or the new one whatever happens. None where nothing is damaged. */
export const writeDamage = async (
  directory: string,
  findings: ReadonlyArray<Finding>,
): Promise<void> => {
  const path = pathIn(directory)
  if (findings.length === 0) {
    await rm(path, { force: true })
  } else {
    const handle = await open(`${path}.tmp`, writtenOver.flag, fileMode)
    try {
      await handle.writeFile(encodeDamage(findings))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${path}.tmp`, path)
  }
  await syncDirectory(directory)
}

/**
 * Names as file systems have them: bytes, of which Daybook keeps those that are UTF-8 and can be
 * the path of an entry.
 */
import { InvalidInput } from "../errors.js"
import { shownPathLengthMax } from "../limits.js"
import { pathProblem, type RelativePath } from "../model/path.js"

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The text of UTF-8; undefined for any other bytes. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

const isPlainAscii = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== 0x5c

const shownByte = (byte: number): string =>
  isPlainAscii(byte)
    ? String.fromCharCode(byte)
    : `\\x${byte.toString(16).padStart(2, "0").toUpperCase()}`

/** A name for a message: text as it is, any other bytes as \xHH. */
export const shownBytes = (name: Uint8Array): string => {
  const text = textOf(name)
  const shown =
    text !== undefined && !/[\p{C}\\]/u.test(text) ? text : Array.from(name, shownByte).join("")
  return shown.slice(0, shownPathLengthMax)
}

/** Why an entry cannot be kept, and what to do. */
export const refusedName = (shown: string, problem: string): InvalidInput =>
  new InvalidInput({
    message: `the name ${shown} ${problem}: rename it, or register a folder without it`,
    path: shown,
  })

/** The path of an entry below `below`, which is empty or ends in a slash. Throws `InvalidInput`. */
export const entryPath = (below: string, name: Uint8Array): RelativePath => {
  const text = textOf(name)
  const shown = below + shownBytes(name)
  if (text === undefined) throw refusedName(shown, "is not UTF-8")
  const path = below + text
  const problem = pathProblem(path)
  if (problem !== undefined) throw refusedName(shown, problem)
  return path as RelativePath
}

/**
 * Bytes as text: what is UTF-8 and what is not, and names of any bytes for messages.
 *
 * Knows no rule of names.
 */
import { shownPathLengthMax } from "../limits.js"

// A mark of byte order at the beginning is a part of the text, as it is for file systems.
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

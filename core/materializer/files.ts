/**
 * What the materializers of this room share about files: strict text, and the error of a file that
 * is not what this revision writes. Knows no value.
 */
import { constants } from "node:buffer"
import { LimitExceeded, TypeMismatch } from "../errors.js"
import type { FileInput } from "./materializer.js"

/** What JSON text can say. */
export type Json =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<Json>
  | { readonly [key: string]: Json }

/** `path` is the file, with the place in it where that is known. */
export const wrongForm = (path: string, problem: string): TypeMismatch =>
  new TypeMismatch({ path, message: `the stored file ${path} ${problem}` })

/**
 * Text of a file, byte order mark included; a piece may end within a character if `more` follows.
 * Bytes that are not UTF-8 are refused.
 */
export const textDecoder = (path: string): ((bytes?: Uint8Array, more?: boolean) => string) => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  return (bytes, more = false) => {
    try {
      return decoder.decode(bytes, { stream: more })
    } catch {
      throw wrongForm(path, "is not UTF-8 text")
    }
  }
}

/** The whole file as text, or `TypeMismatch`. */
export const readText = async (files: FileInput, path: string): Promise<string> =>
  textDecoder(path)(await files.bytes(path))

/** The value of a JSON text; a text that is none is `TypeMismatch`. */
export const parseJson = (text: string, path: string): Json => {
  try {
    return JSON.parse(text)
  } catch {
    throw wrongForm(path, "is not JSON")
  }
}

/** JSON text of a value that the walk found sound; throws `LimitExceeded`. */
export const jsonText = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    // Of a sound value, the one reason left: a text longer than any string can be.
    throw new LimitExceeded({
      limit: "valueBytesMax",
      allowed: constants.MAX_STRING_LENGTH,
      actual: constants.MAX_STRING_LENGTH + 1,
      message: `value is too large for one JSON text (${String(cause)}): save it in parts`,
    })
  }
}

/** Pieces already in memory, as a file source. */
export async function* pieces(list: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* list
}

/**
 * What the materializers of this room share about files: strict text, and the errors for a file
 * that is not what this revision writes or would be too large. Knows nothing about values.
 */
import { LimitExceeded, TypeMismatch } from "../errors.js"
import { jsonTextLengthMax } from "../limits.js"
import type { FileInput } from "./materializer.js"

/** What JSON text can express. */
export type Json =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<Json>
  | { readonly [key: string]: Json }

/** The error for a stored file; `path` is the file, with the place in it if that is known. */
export const wrongFile = (path: string, problem: string): TypeMismatch =>
  new TypeMismatch({ path, message: `the stored file ${path} ${problem}` })

/**
 * Decodes the text of a file, byte order mark included; a piece may end within a character if
 * `more` follows. Bytes that are not UTF-8 are refused.
 */
export const textDecoder = (path: string): ((bytes?: Uint8Array, more?: boolean) => string) => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  return (bytes, more = false) => {
    try {
      return decoder.decode(bytes, { stream: more })
    } catch {
      throw wrongFile(path, "is not UTF-8 text")
    }
  }
}

/** The whole file as text, or `TypeMismatch`. */
export const readText = async (files: FileInput, path: string): Promise<string> =>
  textDecoder(path)(await files.bytes(path))

/** The value of a JSON text, or `TypeMismatch` for text that is not JSON. */
export const parseJson = (text: string, path: string): Json => {
  try {
    return JSON.parse(text)
  } catch {
    throw wrongFile(path, "is not JSON")
  }
}

/** The error for a value whose files would exceed a limit. */
export const tooLarge = (limit: string, allowed: number, actual: number): LimitExceeded =>
  new LimitExceeded({
    limit,
    allowed,
    actual,
    message: "value is too large for one file: save it in parts, or stream it as bytes",
  })

const stringify = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch {
    // With a sound value, the only reason left is a text longer than any string.
    throw tooLarge("jsonTextLengthMax", jsonTextLengthMax, jsonTextLengthMax + 1)
  }
}

/** JSON text of a value that the walk found sound; throws `LimitExceeded`. */
export const jsonText = (value: unknown): string => {
  const text = stringify(value)
  if (text.length > jsonTextLengthMax)
    throw tooLarge("jsonTextLengthMax", jsonTextLengthMax, text.length)
  return text
}

/** Pieces that are in memory, or made one at a time, as the source of a file. */
export async function* pieces(list: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* list
}

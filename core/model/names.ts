/**
 * The rules of names: artifacts, versions, tags, metadata keys, and the shape of ids.
 *
 * Each check returns the reason why a string is refused, or `undefined`. Knows no ledger: whether a
 * name is free is another question.
 */
import { metadataKeyBytesMax, nameBytesMax } from "../limits.js"

/** Crockford base 32, 26 characters, the first at most 7: 128 bits (github.com/ulid/spec). */
export type Id = string & { readonly Id: unique symbol }

const idShape = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/
const idShapeAnyCase = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i
const idPartShape = /^[0-9A-HJKMNP-TV-Z]{1,25}$/i
const numberShape = /^[1-9][0-9]*$/
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

export const isId = (text: string): text is Id => idShape.test(text)

/** The id that a string spells, in either case of letters, or undefined. */
export const toId = (text: string): Id | undefined => {
  // The shape first: some letters beyond ASCII have upper-case forms that would pass in an id.
  const id = idShapeAnyCase.test(text) ? text.toUpperCase() : ""
  return isId(id) ? id : undefined
}

/** Whether a string could be the beginning or the end of an id, in either case of letters. */
export const isIdPart = (text: string): boolean => idPartShape.test(text)

/** The number that a version label stands for: canonical integers only, so not `007`. */
export const labelNumber = (label: string): number | undefined => {
  if (!numberShape.test(label)) return undefined
  const number = Number(label)
  return Number.isSafeInteger(number) ? number : undefined
}

export const utf8Bytes = (text: string): number => Buffer.byteLength(text, "utf8")

const isWellFormed = (text: string): boolean => text.isWellFormed()

/** Why a string cannot be stored as text of at most `bytesMax` bytes, or undefined. */
export const textProblem = (text: string, bytesMax: number): string | undefined => {
  if (!isWellFormed(text)) return "contains half of a surrogate pair, which no UTF-8 can hold"
  if (utf8Bytes(text) > bytesMax) return `is ${utf8Bytes(text)} bytes long, at most ${bytesMax} fit`
  return undefined
}

const nameProblem = (text: string, bytesMax: number): string | undefined => {
  if (text === "") return "is empty"
  const problem = textProblem(text, bytesMax)
  if (problem !== undefined) return problem
  if (text.normalize("NFC") !== text)
    return "is not in Unicode normalization form C: use .normalize()"
  if (control.test(text)) return "contains a control character or a line separator"
  if (text.trim() !== text) return "begins or ends with white space"
  if (text === "__proto__") return "is a reserved word"
  return undefined
}

const referable = (text: string): string | undefined => {
  if (text.includes("@")) return "contains @, which separates a name from its version"
  if (idShapeAnyCase.test(text)) return "is shaped like an id"
  return undefined
}

export const artifactNameProblem = (name: string): string | undefined =>
  nameProblem(name, nameBytesMax) ?? referable(name)

/** Labels and tags share the selector position of `name@selector`, hence these rules. */
export const versionLabelProblem = (label: string): string | undefined => {
  const problem = nameProblem(label, nameBytesMax) ?? referable(label)
  if (problem !== undefined) return problem
  if (label === "latest") return "is a reserved word: it always means the version saved last"
  if (numberShape.test(label) && labelNumber(label) === undefined)
    return "is an integer beyond 2^53 - 1, the largest version number"
  return undefined
}

export const tagNameProblem = (tag: string): string | undefined => {
  const problem = nameProblem(tag, nameBytesMax) ?? referable(tag)
  if (problem !== undefined) return problem
  if (tag === "latest") return "is a reserved word: it always means the version saved last"
  if (numberShape.test(tag)) return "is an integer, which always means a version number"
  return undefined
}

export const metadataKeyProblem = (key: string): string | undefined => {
  if (key === "") return "is empty"
  if (key === "__proto__") return "is a reserved word"
  const problem = textProblem(key, metadataKeyBytesMax)
  if (problem !== undefined) return problem
  return control.test(key) ? "contains a control character or a line separator" : undefined
}

/** The last eight characters of an id: the first ones are the clock and look alike. */
export const shortId = (id: string): string => id.slice(-8)

const identifier = /^[A-Za-z_$][\w$]*$/

/** Appends a key to the path of a value, in brackets where a dot would be ambiguous. */
export const memberPath = (at: string, key: string): string =>
  identifier.test(key) ? `${at}.${key}` : `${at}[${JSON.stringify(key)}]`

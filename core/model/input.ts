/**
 * Parsing what callers give: names, references, tags, metadata, options.
 *
 * Inside `parsing` a refusal is thrown, so that parsers compose; at its edge it is a value again.
 */
import type { StandardSchemaV1 } from "effect/StandardSchema"
import {
  InvalidInput,
  InvalidReference,
  isDaybookError,
  isFailure,
  LimitExceeded,
  type Refusal,
} from "../errors.js"
import { directoryBytesMax, nameBytesMax } from "../limits.js"
import { encodeMetadata, MetadataProblem, type PlainMetadata } from "./metadata.js"
import { checkPlain, NotPlain } from "./msgpack.js"
import { artifactNameProblem, metadataKeyProblem, tagNameProblem, textProblem } from "./names.js"
import { reading, unreadable } from "./reading.js"
import {
  isProblem,
  type ParsedReference,
  type ParsedTarget,
  parseReference,
  parseTarget,
  type ReferenceProblem,
} from "./reference.js"
import { parse } from "./schema.js"

/** Runs parsers; the first refusal that one of them throws is the answer. */
export const parsing = <A>(parsers: () => A): A | Refusal => {
  try {
    return parsers()
  } catch (thrown) {
    if (isDaybookError(thrown) && !isFailure(thrown)) return thrown
    throw thrown
  }
}

const invalid = (path: string, problem: string): InvalidInput =>
  new InvalidInput({ message: `${path} ${problem}`, path })

export const refuse = (path: string, problem: string): never => {
  throw invalid(path, problem)
}

/** Refuses what records cannot hold, with the path of the offending part. */
export const plain = (value: unknown, at: string): void =>
  readable(at, () => {
    try {
      checkPlain(value)
    } catch (thrown) {
      if (!(thrown instanceof NotPlain)) throw thrown
      throw invalid(at + thrown.path, thrown.problem)
    }
  })

/** Reads what a caller gave; what the caller's own code throws is refused. */
export const readable = <A>(at: string, read: () => A): A =>
  reading(read, isDaybookError, () => invalid(at, unreadable))

export const checkCount = (limit: string, allowed: number, actual: number): void => {
  if (actual <= allowed) return
  const message = `${limit} allows ${allowed}, not ${actual}: make it smaller or split it`
  throw new LimitExceeded({ message, limit, allowed, actual })
}

/** Parses by a schema of any library; excess keys are refused where the schema is `strict`. */
export const shaped = <Output>(
  schema: StandardSchemaV1<unknown, Output>,
  value: unknown,
  at: string,
): Output => {
  const parsed = readable(at, () => parse(schema, value, at))
  if (parsed instanceof InvalidInput) throw parsed
  return parsed
}

/** A switch, off when it is left out. */
export const flag = (value: unknown, at: string): boolean =>
  value === undefined || typeof value === "boolean"
    ? value === true
    : refuse(at, "is neither true nor false")

export const text = (value: unknown, at: string, bytesMax: number): string => {
  if (typeof value !== "string") return refuse(at, "is not a string")
  const problem = textProblem(value, bytesMax)
  return problem === undefined ? value : refuse(at, problem)
}

/** The path of the directory of something, as `what` says: "of the ledger". */
export const directoryPath = (value: unknown, at: string, what: string): string => {
  if (value === undefined || value === "")
    return refuse(at, `is missing: name the directory ${what}`)
  const path = text(value, at, directoryBytesMax)
  return path.includes("\0") ? refuse(at, "contains a null, as no path does") : path
}

export const artifactName = (value: unknown, at: string): string => {
  if (typeof value !== "string") return refuse(at, "is not a string")
  const problem = artifactNameProblem(value)
  return problem === undefined ? value : refuse(at, problem)
}

export const tagName = (value: unknown, at: string): string => {
  if (typeof value !== "string") return refuse(at, "is not a string")
  const problem = tagNameProblem(value)
  return problem === undefined ? value : refuse(at, problem)
}

export const metadataKey = (value: unknown, at: string): string => {
  if (typeof value !== "string") return refuse(at, "is not a string")
  const problem = metadataKeyProblem(value)
  return problem === undefined ? value : refuse(at, problem)
}

/** One tag or several, each once, in the order given. */
export const tagNames = (value: unknown, at: string): ReadonlyArray<string> => {
  const list = readable(at, () => (Array.isArray(value) ? Array.from(value) : undefined))
  if (list === undefined) return [tagName(value, at)]
  return [...new Set(list.map((tag, index) => tagName(tag, `${at}[${index}]`)))]
}

const invalidReference = (problem: string, given: string): InvalidReference => {
  // For people: what is printed may be cut, and halves of surrogate pairs cannot be.
  const reference = given.slice(0, nameBytesMax * 2).toWellFormed()
  const message = `${reference || "the reference"}: ${problem}`
  return new InvalidReference({ message, reference })
}

const referring = <P extends object>(read: () => P | ReferenceProblem): P => {
  const parsed = reading(
    read,
    () => false,
    () => invalidReference(`it ${unreadable}`, ""),
  )
  if (isProblem(parsed)) throw invalidReference(parsed.problem, parsed.reference)
  return parsed
}

export const reference = (value: unknown): ParsedReference => referring(() => parseReference(value))

export const target = (value: unknown): ParsedTarget => referring(() => parseTarget(value))

export const metadata = (value: unknown, at: string): PlainMetadata => {
  try {
    return encodeMetadata(value, at)
  } catch (thrown) {
    if (!(thrown instanceof MetadataProblem)) throw thrown
    if (thrown.limit === undefined) throw invalid(thrown.path, thrown.message)
    const { name, allowed, actual } = thrown.limit
    const message = `${thrown.path} ${thrown.message}`
    throw new LimitExceeded({ message, limit: name, allowed, actual })
  }
}

/** The members of what an operation hands to `parse`. */
export const members = (value: unknown): { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null
    ? (value as { readonly [key: string]: unknown })
    : refuse("input", "is not an object")

/**
 * Refuses an option that the call does not know, since a misspelt one must not be passed over, one
 * that cannot be read, and a `signal` that is not an AbortSignal.
 */
export const checkOptions = (options: unknown, known: ReadonlyArray<string>): object => {
  if (typeof options !== "object" || options === null) return refuse("options", "is not an object")
  if (readable("options", () => Array.isArray(options)))
    return refuse("options", "is not an object")
  const given: Record<string, unknown> = options as Record<string, unknown>
  for (const key of readable("options", () => Object.keys(given))) {
    const at = `options.${key.slice(0, 64)}`
    if (!known.includes(key)) return refuse(at, `is not known: ${known.join(", ")}`)
    const value = readable(at, () => given[key])
    const isSignal = () => value === undefined || value instanceof AbortSignal
    if (key === "signal" && !readable(at, isSignal)) return refuse(at, "is not an AbortSignal")
  }
  return options
}

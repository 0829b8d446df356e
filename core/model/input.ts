/**
 * Parsing what callers give: names, references, tags, metadata, options.
 *
 * Inside `parsing` a refusal is thrown, so that parsers compose; at its border it is a value again.
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
import { nameBytesMax } from "../limits.js"
import { encodeMetadata, MetadataProblem, type PlainMetadata } from "./metadata.js"
import { checkPlain, NotPlain } from "./msgpack.js"
import { artifactNameProblem, tagNameProblem, textProblem } from "./names.js"
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

export const refuse = (path: string, problem: string): never => {
  throw new InvalidInput({ message: `${path} ${problem}`, path })
}

/** Refuses what records cannot hold, with the path of the offending part. */
export const plain = (value: unknown, at: string): void =>
  readable(at, () => {
    try {
      checkPlain(value)
    } catch (thrown) {
      if (!(thrown instanceof NotPlain)) throw thrown
      const path = at + thrown.path
      throw new InvalidInput({ message: `${path} ${thrown.problem}`, path })
    }
  })

/** Reads what a caller gave. Getters and proxies are his code, and may throw anything. */
export const readable = <A>(at: string, read: () => A): A => {
  try {
    return read()
  } catch (thrown) {
    if (isDaybookError(thrown)) throw thrown
    return refuse(at, "cannot be read: it threw an error")
  }
}

export const checkCount = (limit: string, allowed: number, actual: number): void => {
  if (actual <= allowed) return
  const message = `${limit} allows ${allowed}, not ${actual}: make it smaller or split it`
  throw new LimitExceeded({ message, limit, allowed, actual })
}

/** By a schema of any library; excess keys are refused where the schema is `strict`. */
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

/** One tag or several, each once, in the order given. */
export const tagNames = (value: unknown, at: string): ReadonlyArray<string> => {
  const list = readable(at, () => (Array.isArray(value) ? Array.from(value) : undefined))
  if (list === undefined) return [tagName(value, at)]
  return [...new Set(list.map((tag, index) => tagName(tag, `${at}[${index}]`)))]
}

const invalidReference = (problem: string, given: string): never => {
  // For people: what is printed may be cut, and halves of surrogate pairs cannot be.
  const reference = given.slice(0, nameBytesMax * 2).toWellFormed()
  throw new InvalidReference({ message: `${reference || "the reference"}: ${problem}`, reference })
}

const referring = <P extends object>(read: () => P | ReferenceProblem): P => {
  let parsed: P | ReferenceProblem
  try {
    parsed = read()
  } catch {
    return invalidReference("it cannot be read: it threw an error", "")
  }
  return isProblem(parsed) ? invalidReference(parsed.problem, parsed.reference) : parsed
}

export const reference = (value: unknown): ParsedReference => referring(() => parseReference(value))

export const target = (value: unknown): ParsedTarget => referring(() => parseTarget(value))

export const metadata = (value: unknown, at: string): PlainMetadata => {
  try {
    return encodeMetadata(value, at)
  } catch (thrown) {
    if (!(thrown instanceof MetadataProblem)) throw thrown
    const message = `${thrown.path} ${thrown.message}`
    if (thrown.limit === undefined) throw new InvalidInput({ message, path: thrown.path })
    const { name, allowed, actual } = thrown.limit
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
 * that cannot be read, and a signal that is none.
 */
export const checkOptions = (options: unknown, known: ReadonlyArray<string>): object => {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    return refuse("options", "is not an object")
  const given: Record<string, unknown> = options as Record<string, unknown>
  for (const key of readable("options", () => Object.keys(given))) {
    const at = `options.${key.slice(0, 64)}`
    if (!known.includes(key)) return refuse(at, `is not known: ${known.join(", ")}`)
    const value = readable(at, () => given[key])
    if (key === "signal" && value !== undefined && !(value instanceof AbortSignal))
      return refuse(at, "is not an AbortSignal")
  }
  return options
}

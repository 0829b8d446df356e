/**
 * Foreign errors, told apart by their codes: those of Node and of LevelDB, found on the error
 * or on one of its causes. Never by their text.
 */
import type { LogFailure } from "../errors.js"

// Causes may form a cycle, and what lies deeper than this adds nothing.
const depthMax = 8

/** The codes of an error and of its causes, the outermost first. */
const codesOf = (cause: unknown): ReadonlyArray<string> => {
  const codes: Array<string> = []
  let error = cause
  for (let depth = 0; error instanceof Error && depth < depthMax; depth += 1) {
    if ("code" in error && typeof error.code === "string") codes.push(error.code)
    error = error.cause
  }
  return codes
}

/** Whether an error, or one that caused it, has this code. */
export const hasCode = (cause: unknown, wanted: string): boolean => codesOf(cause).includes(wanted)

const reasons: ReadonlyMap<string, LogFailure["reason"]> = new Map([
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
  ["EROFS", "read-only"],
  ["EACCES", "permission"],
  ["EPERM", "permission"],
  ["ENOENT", "missing"],
  ["ENOTDIR", "missing"],
  ["LEVEL_LOCKED", "conflict"],
  ["LEVEL_CORRUPTION", "damaged"],
])

/** The reason of a failure of storage, by the first code that says one; else `io`. */
export const storageReason = (cause: unknown): LogFailure["reason"] => {
  const code = codesOf(cause).find((one) => reasons.has(one)) ?? ""
  return reasons.get(code) ?? "io"
}

/** What of a foreign error travels between threads: its own properties would not. */
export interface PlainError {
  readonly message: string
  readonly code?: string
  readonly syscall?: string
}

export const toPlainError = (cause: unknown): PlainError => {
  if (!(cause instanceof Error)) return { message: String(cause) }
  const { message, code, syscall } = cause as NodeJS.ErrnoException
  return {
    message,
    ...(code === undefined ? {} : { code }),
    ...(syscall === undefined ? {} : { syscall }),
  }
}

/** An error with the same message and codes. */
export const fromPlainError = ({ message, ...codes }: PlainError): Error =>
  Object.assign(new Error(message), codes)

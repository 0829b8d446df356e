/**
 * Input that no operation may take: values to try, and the calls that do not refuse them.
 *
 * A call is refused when it fails with the typed error that was expected, of the caller's making,
 * and nothing is stored. Where the offending part has a path, the error names it.
 */
import { type DaybookError, isDaybookError, isFailure } from "../errors.js"
import type { PromiseLedger } from "./promise.js"

/** The operations without their types: how a program in JavaScript may call them. */
export type Loose = Readonly<Record<string, (...args: ReadonlyArray<unknown>) => unknown>>

export type Call = () => unknown

const isAsync = (answer: unknown): answer is AsyncIterable<unknown> =>
  typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer

/** What a call throws, at once or when its answer is awaited or read to the end. */
const thrownBy = async (act: Call): Promise<unknown> => {
  try {
    const answer = await act()
    if (isAsync(answer)) for await (const one of answer) void one
    return undefined
  } catch (thrown) {
    return thrown
  }
}

const messageLengthMax = 1_500

const isRefused = (thrown: unknown): thrown is DaybookError =>
  isDaybookError(thrown) &&
  !isFailure(thrown) &&
  thrown.message !== "" &&
  thrown.message.length < messageLengthMax &&
  thrown.message.isWellFormed()

/** Members of the error: its class at least. A text is the path of an `InvalidInput`. */
export type Expected = string | { readonly _tag: string; readonly [member: string]: unknown }

/** An input that is refused, whatever path says so. */
export const invalid: Expected = { _tag: "InvalidInput" }

export const beyond = (limit: string): Expected => ({ _tag: "LimitExceeded", limit })

/** A reference that cannot be read, with what it shows of it. */
export const unreadable = (reference: string): Expected => ({ _tag: "InvalidReference", reference })

/** What an error shows of a text: as much as fits, without halves of pairs. */
export const shown = (text: string): string => text.slice(0, 510).toWellFormed()

const differences = (thrown: object, expected: Expected): ReadonlyArray<string> =>
  Object.entries(typeof expected === "string" ? { ...invalid, path: expected } : expected).flatMap(
    ([key, value]) => {
      const is: unknown = Reflect.get(thrown, key)
      return is === value ? [] : [`${key} is ${String(is)}, not ${String(value)}`]
    },
  )

/** What must be refused: how, and the call. */
export type Refused = readonly [Expected, Call]

/** The calls that are not refused as they should be, and what becomes of them instead. */
export const offences = async (
  calls: Readonly<Record<string, Refused>>,
  ledger?: PromiseLedger,
): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const [name, [expected, act]] of Object.entries(calls)) {
    const head = ledger?.position
    const thrown = await thrownBy(act)
    const faults = isRefused(thrown) ? differences(thrown, expected) : [String(thrown)]
    for (const fault of faults) found.push(`${name}: ${fault.slice(0, 200)}`)
    if (ledger?.position !== head) found.push(`${name}: stored something`)
  }
  return found
}

const notToday = () => {
  throw new RangeError("not today")
}

export const throwing = (part = "part"): object =>
  Object.defineProperty({}, part, { enumerable: true, get: notToday })

export const hostile = (): object =>
  new Proxy({}, { get: notToday, ownKeys: notToday, has: notToday, getPrototypeOf: notToday })

export const huge = "x".repeat(1_000_000)

/** What is no text at all. */
export const nonText: Readonly<Record<string, unknown>> = {
  "a number": 5,
  null: null,
  "an object": {},
  "a map": new Map(),
  "a symbol": Symbol("s"),
  "a function": () => "a",
  "a bigint": 2n,
  "a throwing getter": throwing(),
  "a hostile proxy": hostile(),
}

/**
 * Input that no operation may take: values to try, and the calls that do not refuse them.
 *
 * A call is refused when it fails with a typed error of the caller's making, and nothing is stored.
 */
import { type DaybookError, isDaybookError, isFailure } from "../errors.js"
import type { PromiseLedger } from "./promise.js"

/** The operations without their types: how a program in JavaScript may call them. */
export type Loose = Readonly<Record<string, (...args: ReadonlyArray<unknown>) => unknown>>

export type Call = () => unknown

const isAsync = (answer: unknown): answer is AsyncIterable<unknown> =>
  typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer

/** What a call throws, at once or when its answer is awaited or read to the end. */
export const thrownBy = async (act: Call): Promise<unknown> => {
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

/** The calls that are not refused as they should be, and what becomes of them instead. */
export const offences = async (
  calls: Readonly<Record<string, Call>>,
  ledger?: PromiseLedger,
): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const [name, act] of Object.entries(calls)) {
    const head = ledger?.position
    const thrown = await thrownBy(act)
    if (!isRefused(thrown)) found.push(`${name}: ${String(thrown).slice(0, 200)}`)
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

/**
 * What all operations have in common, written once around the API: they end when the signal among
 * their options is aborted, an error of ours that a plain function threw is their failure, and what
 * fails because the ledger was closed meanwhile says so, not that a disk is at fault.
 *
 * Knows no operation by name.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { isDaybookError } from "../errors.js"
import { closedError } from "./engine.js"
import { thrown } from "./foreign.js"

/**
 * A verb with its span, where somebody traces. As `Effect.fn`, but for the stack of each call,
 * which alone takes a tenth of the time of a write; errors have their own.
 */
export const verb =
  <Args extends ReadonlyArray<unknown>, A, E>(
    name: string,
    body: (...args: Args) => Effect.Effect<A, E>,
  ): ((...args: Args) => Effect.Effect<A, E>) =>
  (...args) =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
        ? body(...args)
        : Effect.withSpan(
            Effect.suspend(() => body(...args)),
            name,
            { captureStackTrace: false },
          ),
    )

/** The signal among the options of a call, which are its last argument. */
export const signalOf = (args: ReadonlyArray<unknown>): AbortSignal | undefined => {
  const last = args.at(-1)
  if (typeof last !== "object" || last === null) return undefined
  try {
    return "signal" in last && last.signal instanceof AbortSignal ? last.signal : undefined
  } catch {
    // Options that cannot be read: the call itself says so.
    return undefined
  }
}

/** Never succeeds; interrupts when the signal is aborted. */
const aborted = (signal: AbortSignal): Effect.Effect<never> =>
  Effect.flatten(
    Effect.callback<Effect.Effect<never>>((resume) => {
      const end = () => resume(Effect.succeed(Effect.interrupt))
      if (signal.aborted) return end()
      signal.addEventListener("abort", end, { once: true })
      return Effect.sync(() => signal.removeEventListener("abort", end))
    }),
  )

/** Whether the ledger of the operations is closed by now. */
export type IsClosed = () => boolean

const closing =
  (isClosed: IsClosed) =>
  (error: unknown): unknown =>
    isDaybookError(error) && error.kind === "unavailable" && isClosed() ? closedError() : error

const wrapEffect = (
  effect: Effect.Effect<unknown, unknown>,
  signal: AbortSignal | undefined,
  isClosed: IsClosed,
): Effect.Effect<unknown, unknown> => {
  // Rows are read by plain functions, which can only throw what storage has to say.
  const failing = Effect.mapError(Effect.catchDefect(effect, thrown), closing(isClosed))
  // The signal first: one that was aborted before wins before anything has begun.
  return signal === undefined ? failing : Effect.raceFirst(aborted(signal), failing)
}

const wrapStream = (
  stream: Stream.Stream<unknown, unknown>,
  signal: AbortSignal | undefined,
  isClosed: IsClosed,
): Stream.Stream<unknown, unknown> => {
  const failing = Stream.catchDefect(stream, (defect) => Stream.fromEffect(thrown(defect))).pipe(
    Stream.mapError(closing(isClosed)),
  )
  if (signal === undefined) return failing
  const end = aborted(signal)
  return Stream.suspend(() =>
    signal.aborted ? Stream.fromEffect(end) : Stream.interruptWhen(failing, end),
  )
}

const wrap = (answer: unknown, signal: AbortSignal | undefined, isClosed: IsClosed): unknown => {
  if (Stream.isStream(answer)) return wrapStream(answer as Stream.Stream<unknown>, signal, isClosed)
  return Effect.isEffect(answer)
    ? wrapEffect(answer as Effect.Effect<unknown>, signal, isClosed)
    : answer
}

const made = new WeakSet<object>()

/** Tells what `operations` gave from a caller's value that has functions too. */
export const isOperations = (value: unknown): value is object =>
  typeof value === "object" && value !== null && made.has(value)

/** The same operations, with what all have in common. Members that are no functions stay. */
export const operations = <Api extends object>(api: Api, isClosed: IsClosed): Api => {
  const wrapped = Object.entries(api).map(([name, operation]) => [
    name,
    typeof operation === "function"
      ? (...args: ReadonlyArray<unknown>) => wrap(operation(...args), signalOf(args), isClosed)
      : operation,
  ])
  const answer = Object.fromEntries(wrapped) as Api
  made.add(answer)
  return answer
}

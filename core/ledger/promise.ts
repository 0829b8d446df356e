/**
 * The door of promises: the same operations, run. The only place that runs effects, and one loop,
 * so that a new operation is written once.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import type { Context } from "../event/event.js"
import type { LedgerApi } from "./api.js"
import { closedError } from "./engine.js"
import { Ledger } from "./ledger.js"
import { layer, type OpenOptions } from "./local.js"
import { isOperations, signalOf } from "./operations.js"

/** A ledger whose operations are promises and async iterables. */
export interface PromiseLedger extends Omit<LedgerApi<"promise">, "with">, AsyncDisposable {
  /** The same ledger; its events carry this context. */
  readonly with: (context: Context) => PromiseLedger
}

/** The value, or a rejection with the very error, or with the reason of an aborted signal. */
const settle = <A>(exit: Exit.Exit<A, unknown>, signal: AbortSignal | undefined): A => {
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted) throw signal.reason
  // Nothing but closing interrupts a call whose signal is silent.
  throw Cause.hasInterruptsOnly(exit.cause) ? closedError() : Cause.squash(exit.cause)
}

async function* iterate(
  stream: Stream.Stream<unknown, unknown>,
  signal: AbortSignal | undefined,
): AsyncGenerator {
  try {
    yield* Stream.toAsyncIterable(stream)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error
  }
}

/** What the operations of one ledger share: where they run, and how all of it ends. */
interface Shared {
  readonly run: (effect: Effect.Effect<unknown, unknown>) => Promise<Exit.Exit<unknown, unknown>>
  readonly close: () => Promise<void>
}

/** Operations behind this door; a caller's own value stays as it is, whatever it can do. */
const handed = (shared: Shared, answer: unknown): unknown =>
  isOperations(answer) ? promised(shared, answer) : answer

const convert = (shared: Shared, answer: unknown, signal: AbortSignal | undefined): unknown => {
  if (Stream.isStream(answer)) return iterate(answer as Stream.Stream<unknown, unknown>, signal)
  if (Effect.isEffect(answer))
    return shared
      .run(answer as Effect.Effect<unknown, unknown>)
      .then((exit) => handed(shared, settle(exit, signal)))
  return handed(shared, answer)
}

/** Operations of effects as operations of promises; data members stay as they are. */
const promised = (shared: Shared, operations: object): object => {
  const door = {}
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(operations))) {
    const operation: unknown = property.value
    if (typeof operation !== "function") Object.defineProperty(door, name, property)
    else
      Object.defineProperty(door, name, {
        configurable: true,
        enumerable: true,
        value:
          name === "close"
            ? shared.close
            : (...args: ReadonlyArray<unknown>) =>
                convert(shared, operation(...args), signalOf(args)),
      })
  }
  if ("close" in operations)
    Object.defineProperty(door, Symbol.asyncDispose, { value: shared.close })
  return door
}

/**
 * Opens the ledger of a directory, or makes it where there is none. Rejects with `WrongLedger`,
 * `LedgerLocked`, `LogFailure`, `RecordCorrupted` or `InvalidInput`, having changed nothing.
 */
export const openLedger = async (options: string | OpenOptions): Promise<PromiseLedger> => {
  const runtime = ManagedRuntime.make(layer(options))
  const exit = await runtime.runPromiseExit(Ledger.use((ledger) => Effect.succeed(ledger)))
  if (Exit.isFailure(exit)) await runtime.dispose()
  const ledger = settle(exit, undefined)
  let ended: Promise<void> | undefined
  const end = async (): Promise<void> => {
    try {
      await Effect.runPromise(ledger.close())
    } finally {
      await runtime.dispose()
    }
  }
  return promised(
    {
      // A runtime that is gone runs nothing, not even the answer that the ledger is closed.
      run: (effect) =>
        ended === undefined ? runtime.runPromiseExit(effect) : Effect.runPromiseExit(effect),
      close: () => {
        ended ??= end()
        return ended
      },
    },
    ledger,
  ) as PromiseLedger
}

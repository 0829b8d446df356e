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
import * as Recovering from "./recover.js"
import type { Recovered } from "./transfer.js"

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

type Result = IteratorResult<unknown, undefined>

const over: Result = { done: true, value: undefined }

/** The values of a stream. One that has come with others is handed out without running anything. */
class Values implements AsyncIterableIterator<unknown, undefined> {
  readonly #chunks: AsyncIterator<ReadonlyArray<unknown>>
  readonly #signal: AbortSignal | undefined
  #chunk: ReadonlyArray<unknown> = []
  #at = 0
  #isOver = false
  /** The last call that has to wait; further ones go behind it. */
  #waiting: Promise<Result> | undefined

  constructor(stream: Stream.Stream<unknown, unknown>, signal: AbortSignal | undefined) {
    this.#chunks = Stream.toAsyncIterable(Stream.chunks(stream))[Symbol.asyncIterator]()
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Result> {
    if (this.#waiting === undefined && this.#at < this.#chunk.length)
      return Promise.resolve(this.#taken())
    const mine =
      this.#waiting === undefined ? this.#step() : this.#waiting.then(this.#step, this.#step)
    this.#waiting = mine
    const done = () => {
      if (this.#waiting === mine) this.#waiting = undefined
    }
    mine.then(done, done)
    return mine
  }

  async return(): Promise<Result> {
    this.#end()
    await this.#chunks.return?.()
    return over
  }

  #taken(): Result {
    const value = this.#chunk[this.#at]
    this.#at += 1
    return { done: false, value }
  }

  #end(): void {
    this.#isOver = true
    this.#chunk = []
  }

  readonly #step = async (): Promise<Result> => {
    if (this.#at < this.#chunk.length) return this.#taken()
    if (this.#isOver) return over
    try {
      const { done, value } = await this.#chunks.next()
      if (done === true || this.#isOver) {
        this.#end()
        return over
      }
      this.#chunk = value
      this.#at = 0
      return this.#taken()
    } catch (error) {
      this.#end()
      throw this.#signal?.aborted ? this.#signal.reason : error
    }
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
  if (Stream.isStream(answer)) return new Values(answer as Stream.Stream<unknown, unknown>, signal)
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

/**
 * Exports all that is whole of a ledger, damaged or not, into a new one; the first events there say
 * what was lost. The directory is only read. Rejects with `WrongLedger` where it holds no ledger,
 * its log is another's, or `into` is not empty.
 */
export const recover = async (
  directory: string,
  options: Recovering.RecoverOptions,
): Promise<Recovered> => {
  const exit = await Effect.runPromiseExit(Recovering.recover(directory, options))
  return settle(exit, signalOf([options]))
}

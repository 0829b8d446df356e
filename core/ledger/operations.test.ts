import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { LedgerClosed, ViewFailure } from "../errors.js"
import { operations, signalOf } from "./operations.js"
import { opened } from "./places.contract.js"

interface Options {
  readonly signal?: AbortSignal
}

const failure = new ViewFailure({
  message: "the row is damaged",
  operation: "get",
  reason: "io",
  outcome: "none",
})

const throwing = (thrown: unknown) =>
  operations({
    one: (): Effect.Effect<never, ViewFailure> =>
      Effect.sync(() => {
        throw thrown
      }),
    many: (): Stream.Stream<never, ViewFailure> =>
      Stream.fromEffect(
        Effect.sync(() => {
          throw thrown
        }),
      ),
  })

const aborted = (): Options => {
  const controller = new AbortController()
  controller.abort()
  return { signal: controller.signal }
}

const isInterrupted = <A, E>(exit: Exit.Exit<A, E>): boolean =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

describe("the signal of a call", () => {
  const { signal } = new AbortController()

  it("is among its last argument", () => {
    expect(signalOf(["a", 1, { signal }])).toBe(signal)
    expect(signalOf([{ signal }])).toBe(signal)
  })

  it.each([
    [[]],
    [[{ signal }, "a"]],
    [["a", null]],
    [["a", {}]],
    [["a", { signal: "SIGTERM" }]],
    [["a", { signal: { aborted: true } }]],
    [[signal]],
  ])("is not there in call %#", (args: ReadonlyArray<unknown>) => {
    expect(signalOf(args)).toBeUndefined()
  })
})

describe("an error of ours that a plain function throws", () => {
  it("is the failure of the operation", async () => {
    const { one, many } = throwing(failure)
    expect(await Effect.runPromise(Effect.flip(one()))).toBe(failure)
    expect(await Effect.runPromise(Effect.flip(Stream.runDrain(many())))).toBe(failure)
  })

  it("is told from any other, which stays a defect", async () => {
    const defect = new TypeError("no such row")
    const { one, many } = throwing(defect)
    for (const effect of [one(), Stream.runDrain(many())]) {
      const exit = await Effect.runPromiseExit(effect)
      expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(defect)
    }
  })

  it("is told from a failure, which stays as it is", async () => {
    const closed = new LedgerClosed({ message: "closed" })
    const { one } = operations({ one: () => Effect.fail(closed) })
    expect(await Effect.runPromise(Effect.flip(one()))).toBe(closed)
  })
})

describe("a signal", () => {
  it("ends a call that is under way, and its work", async () => {
    const controller = new AbortController()
    const begun = Deferred.makeUnsafe<void>()
    let released = 0
    const release = Effect.sync(() => {
      released += 1
    })
    const wait = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
    const api = operations({
      one: (_: Options) => Effect.ensuring(wait, release),
    })
    const exit = Effect.runPromiseExit(api.one({ signal: controller.signal }))
    await Effect.runPromise(Deferred.await(begun))
    controller.abort()
    expect(isInterrupted(await exit)).toBe(true)
    expect(released).toBe(1)
  })

  it("that was aborted before lets nothing begin", async () => {
    let begun = 0
    const begin = Effect.sync(() => {
      begun += 1
    })
    const api = operations({
      one: (_: Options) => begin,
      many: (_: Options) => Stream.fromEffect(begin),
    })
    expect(isInterrupted(await Effect.runPromiseExit(api.one(aborted())))).toBe(true)
    const drained = Stream.runDrain(api.many(aborted()))
    expect(isInterrupted(await Effect.runPromiseExit(drained))).toBe(true)
    expect(begun).toBe(0)
  })

  it("that was aborted before writes nothing to a ledger", async () => {
    const ledger = await opened()
    await expect(ledger.defineTag("gold", aborted())).rejects.toThrow("abort")
    await expect(ledger.save("a", 1, aborted())).rejects.toThrow("abort")
    await ledger.save("b", 1)
    expect(ledger.position).toBe(2)
  })

  it("that stays silent changes nothing, and is let go of", async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const [add, remove] = [signal.addEventListener, signal.removeEventListener]
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1
      remove.apply(signal, args)
    }
    const pause = Effect.andThen(Effect.yieldNow, Effect.succeed(7))
    const api = operations({
      one: (_: Options) => pause,
      many: (_: Options) => Stream.fromEffect(pause),
    })
    expect(await Effect.runPromise(api.one({ signal }))).toBe(7)
    expect(await Effect.runPromise(Stream.runCollect(api.many({ signal })))).toEqual([7])
    expect(listeners).toBe(0)
  })
})

describe("what is no operation", () => {
  it("stays as it is", () => {
    const answer = { a: 1 }
    const api = operations({ position: 3, plain: () => answer })
    expect(api.position).toBe(3)
    expect(api.plain()).toBe(answer)
  })
})

import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { describe, expect, it, onTestFinished } from "vitest"
import { InvalidInput, LedgerClosed, ViewFailure } from "../errors.js"
import { operations as operationsOf, signalOf, verb } from "./operations.js"
import { opened, temporary } from "./places.contract.js"

interface Options {
  readonly signal?: AbortSignal
}

let closed = false
const operations = <Api extends object>(api: Api): Api => operationsOf(api, () => closed)

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
    const { one } = operations({ one: () => Effect.fail(failure) })
    expect(await Effect.runPromise(Effect.flip(one()))).toBe(failure)
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

describe("a ledger that is closed meanwhile", () => {
  it("is what a call says that fails since, unless it is to blame itself", async () => {
    const api = operations({
      one: () => Effect.fail(failure),
      many: () => Stream.fail(failure),
      own: () => Effect.fail(new InvalidInput({ message: "no", path: "x" })),
    })
    expect(await Effect.runPromise(Effect.flip(api.one()))).toBe(failure)
    closed = true
    onTestFinished(() => {
      closed = false
    })
    expect(await Effect.runPromise(Effect.flip(api.one()))).toBeInstanceOf(LedgerClosed)
    const drained = Effect.flip(Stream.runDrain(api.many()))
    expect(await Effect.runPromise(drained)).toBeInstanceOf(LedgerClosed)
    expect(await Effect.runPromise(Effect.flip(api.own()))).toBeInstanceOf(InvalidInput)
  })

  it("is named by iterators that were under way", async () => {
    const ledger = await opened(join(temporary(), "ledger"))
    for (let n = 0; n < 5; n += 1) await ledger.save("a", Buffer.alloc(2_000_000, `${n} `))
    const zip = await ledger.zip("a")
    const iterators = [ledger.replay(), ledger.history("a@1"), ledger.versions(), ledger.open("a")]
    const begun = [...iterators, zip.stream()].map((one) => one[Symbol.asyncIterator]())
    await Promise.all(begun.map((one) => one.next()))
    await ledger.close()
    for (const one of begun) {
      const rest = async () => {
        while (!(await one.next()).done);
      }
      const ended = await rest().catch((error: unknown) => error)
      expect(ended === undefined || ended instanceof LedgerClosed).toBe(true)
    }
  })
})

describe("a verb", () => {
  const named = verb("Ledger.name", (word: string) =>
    Effect.map(Effect.option(Effect.currentSpan), (span) => [word, span._tag]),
  )

  it("has a span of its name where somebody traces, and none where nobody does", async () => {
    expect(await Effect.runPromise(named("quiet"))).toEqual(["quiet", "None"])
    const names: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        names.push(options.name)
        return new Tracer.NativeSpan(options)
      },
    })
    const traced = Effect.withTracer(named("traced"), tracer)
    expect(await Effect.runPromise(traced)).toEqual(["traced", "Some"])
    expect(names).toEqual(["Ledger.name"])
  })
})

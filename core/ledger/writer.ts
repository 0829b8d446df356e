/**
 * The one writer: takes what waits in the inbox, decides it, appends the facts in one durable
 * write, shows them to readers, replies; from time to time it has the views stored. Group commit
 * falls out of the shape.
 *
 * Knows neither what commands mean nor where records and rows stay.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import { type Failure, LedgerClosed, LogFailure, type Refusal, ViewFailure } from "../errors.js"
import type { Recorded } from "../event/event.js"
import {
  batchBytesMax,
  batchCountMax,
  batchEventCountMax,
  heldTimesMax,
  inboxCountMax,
} from "../limits.js"
import type { EventLogShape } from "../log/event-log.js"
import type { Plain } from "../model/msgpack.js"
import { decodeRecords, knownOnly } from "../query/records.js"
import type { Draft } from "../view/draft.js"
import type { Views } from "../view/views.js"
import { type Court, decide, type Moment, type Recording, type Verdict } from "./decide.js"
import type { Folding } from "./folding.js"
import type { Reply, Request } from "./request.js"

export interface WriterParts {
  readonly log: EventLogShape
  readonly views: Views
  readonly folding: Folding
  readonly court: Court
  /** Recorded time of the last event. */
  readonly lastTime: number
  /** Told about every durable batch, before the callers are. */
  readonly onAppended: (bodies: ReadonlyArray<Uint8Array>) => Effect.Effect<void>
}

type Waiting = Verdict | { readonly kind: "failed"; readonly cause: unknown }

export class Writer {
  readonly #parts: WriterParts
  readonly #inbox: Queue.Queue<Request>
  readonly #turn = Semaphore.makeUnsafe(1)
  /** Asks for the views to be stored: once is enough, however often it is asked. */
  readonly #due: Queue.Queue<void>
  #time: number
  #refusal: LogFailure | undefined
  /** Taken from the inbox, and left for the next round. */
  #held: ReadonlyArray<Request> = []

  constructor(parts: WriterParts, inbox: Queue.Queue<Request>, due: Queue.Queue<void>) {
    this.#parts = parts
    this.#inbox = inbox
    this.#due = due
    this.#time = parts.lastTime
  }

  /** Starts the loop in the current scope; it ends with it, after what it has taken is answered. */
  static readonly start = Effect.fnUntraced(function* (parts: WriterParts) {
    const inbox = yield* Queue.bounded<Request>(inboxCountMax)
    const due = yield* Queue.sliding<void>(1)
    const writer = new Writer(parts, inbox, due)
    const round = Effect.flatMap(writer.#next, (requests) =>
      Effect.uninterruptible(writer.exclusively(writer.#survive(requests))),
    )
    // Runs after the loop has ended: whoever still waits hears that it is over.
    yield* Effect.addFinalizer(() => writer.#end())
    // Beside the rounds: nobody waits for it, and LevelDB works on a thread of its own.
    const store = Effect.flatMap(Queue.take(due), () => Effect.uninterruptible(writer.#store))
    yield* Effect.forkScoped(Effect.forever(store))
    yield* Effect.forkScoped(Effect.forever(round))
    return writer
  })

  get waitingCount(): number {
    return Queue.sizeUnsafe(this.#inbox) + this.#held.length
  }

  readonly #next = Effect.suspend((): Effect.Effect<ReadonlyArray<Request>> => {
    const held = this.#held
    this.#held = []
    return held.length > 0 ? Effect.succeed(held) : Queue.takeBetween(this.#inbox, 1, batchCountMax)
  })

  /** Hands a request in and waits for its answer; waits for a place when the inbox is full. */
  submit(request: Request): Effect.Effect<Reply, Refusal | Failure> {
    return Effect.flatMap(Queue.offer(this.#inbox, request), (taken) =>
      taken
        ? Deferred.await(request.answer)
        : Effect.fail(new LedgerClosed({ message: "the ledger is closed: open it again" })),
    )
  }

  /** Waits until everything that was handed in before has been answered. */
  readonly drain = Effect.suspend(() => {
    const answer = Deferred.makeUnsafe<Reply, Refusal | Failure>()
    return Effect.ignore(this.submit({ steps: [], context: {}, answer }))
  })

  /** What a request would be refused for by the ledger as it is. Stores and answers nothing. */
  rehearse(request: Request): Effect.Effect<Refusal | undefined> {
    return Effect.map(Clock.currentTimeMillis, (clock) => {
      const { views, court } = this.#parts
      try {
        const verdict = decide(court, request, views.draft(), this.#moment(views.head + 1, clock))
        return verdict.kind === "refused" ? verdict.refusal : undefined
      } catch {
        // The writer will meet it too, and tell its caller.
        return undefined
      }
    })
  }

  /** Runs an effect while no batch is under way and none begins. */
  exclusively<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#turn.withPermits(1)(effect)
  }

  #moment(position: number, clock: number): Moment {
    const time = Math.max(clock, this.#time)
    return time === clock ? { position, time } : { position, time, clock }
  }

  #decideAll(requests: ReadonlyArray<Request>, draft: Draft, head: number, clock: number) {
    const recordings: Array<Recording> = []
    let bytes = 0
    const { folding, views } = this.#parts
    const reached = new Map(folding.own.map(({ name }) => [name, views.reached(name)]))
    const decideOne = (request: Request): Waiting => {
      const layer = draft.fork()
      const moment = this.#moment(head + recordings.length + 1, clock)
      try {
        const verdict = decide(this.#parts.court, request, layer, moment)
        if (verdict.kind !== "decided") return verdict
        draft.merge(layer)
        for (const recording of verdict.recordings) {
          recordings.push(recording)
          bytes += recording.body.length
        }
        const events = verdict.recordings.map(({ event }) => event)
        // At once, so that the next decision sees them in callers' views as in the ledger's own.
        for (const own of folding.own)
          reached.set(own.name, folding.foldOne(own, draft, events, reached.get(own.name) ?? 0))
        return verdict
      } catch (cause) {
        // A defect costs its own caller only: its layer is dropped.
        return { kind: "failed", cause }
      }
    }
    const verdicts: Array<Waiting> = []
    for (const request of requests) {
      if (recordings.length >= batchEventCountMax || bytes >= batchBytesMax) break
      verdicts.push(decideOne(request))
    }
    return { verdicts, recordings, bytes, reached }
  }

  readonly #process = Effect.fnUntraced(function* (this: Writer, taken: ReadonlyArray<Request>) {
    const { log, views } = this.#parts
    if (this.refusal !== undefined) return this.#failAll(taken, this.refusal)
    const head = views.head
    const draft = views.draft()
    const clock = yield* Clock.currentTimeMillis
    const { verdicts, recordings, bytes, reached } = this.#decideAll(taken, draft, head, clock)
    const requests = taken.slice(0, verdicts.length)
    this.#held = taken.slice(verdicts.length)
    if (recordings.length > 0) {
      const bodies = recordings.map(({ body }) => body)
      const appended = yield* Effect.exit(log.append(head, bodies))
      if (Exit.isFailure(appended)) {
        this.#parts.folding.forget(head)
        return this.#fail(requests, appended)
      }
      const positions = new Map(reached)
      for (const { name } of this.#parts.folding.core) positions.set(name, head + recordings.length)
      views.hold(draft, positions, bytes)
      this.#time = recordings.at(-1)?.event.time ?? this.#time
      yield* this.#parts.onAppended(bodies)
    }
    for (const [index, request] of requests.entries()) {
      const verdict = verdicts[index]
      if (verdict !== undefined) Deferred.doneUnsafe(request.answer, this.#answer(request, verdict))
    }
    if (views.overdue >= heldTimesMax) yield* this.#store
    else if (views.overdue > 0) Queue.offerUnsafe(this.#due, undefined)
  })

  /** Stores the views. What they could not keep, or damaged ones do not take, is in the log. */
  readonly #store = Effect.suspend(() =>
    Effect.catchCause(this.#parts.views.flush, (cause) =>
      Effect.sync(() => {
        if (this.refusal === undefined) this.#refusal = stoppedBy(notStored(Cause.squash(cause)))
      }),
    ),
  )

  readonly #end = Effect.fnUntraced(function* (this: Writer) {
    const waiting = yield* Queue.clear(this.#inbox)
    yield* Queue.shutdown(this.#inbox)
    this.#failAll(
      [...this.#held, ...waiting],
      new LedgerClosed({ message: "the ledger was closed meanwhile" }),
    )
  })

  /** A defect of the writer itself is told to the callers of the batch; the loop goes on. */
  #survive(requests: ReadonlyArray<Request>): Effect.Effect<void> {
    return Effect.catchCause(this.#process(requests), (cause) =>
      Effect.sync(() => {
        const defect = Effect.die(Cause.squash(cause))
        for (const request of requests)
          if (!this.#held.includes(request)) Deferred.doneUnsafe(request.answer, defect)
      }),
    )
  }

  /** What every write is answered with: nothing can be written any more, or views are damaged. */
  get refusal(): Failure | undefined {
    return this.#refusal ?? this.#parts.views.failure
  }

  #failAll(requests: ReadonlyArray<Request>, failure: Failure): void {
    for (const { answer } of requests) Deferred.doneUnsafe(answer, Effect.fail(failure))
  }

  /** The log failed: everyone in the batch hears it, for any answer may rest on it. */
  #fail(requests: ReadonlyArray<Request>, exit: Exit.Failure<void, LogFailure>): void {
    const error = Exit.findErrorOption(exit)
    if (error._tag === "Some") {
      // Events that are stored but not folded would be decided against without being seen.
      if (error.value.outcome !== "none") this.#refusal = stoppedBy(error.value)
      this.#failAll(requests, error.value)
    } else {
      const defect = Cause.squash(exit.cause)
      for (const { answer } of requests) Deferred.doneUnsafe(answer, Effect.die(defect))
    }
  }

  #answer(request: Request, verdict: Waiting): Effect.Effect<Reply, Refusal | Failure> {
    switch (verdict.kind) {
      case "refused":
        return Effect.fail(verdict.refusal)
      case "failed":
        return verdict.cause instanceof ViewFailure
          ? Effect.fail(verdict.cause)
          : Effect.die(verdict.cause)
      case "known":
        return this.#recall(request, verdict)
      case "decided": {
        // Not the head by now: what came later in this round is not part of the answer.
        const { position, changed, results } = verdict
        return Effect.succeed({ position, changed, results })
      }
    }
  }

  /** The first answer again, out of the events that were recorded for it. */
  readonly #recall = Effect.fnUntraced(function* (
    this: Writer,
    { steps }: Request,
    { first, last }: { readonly first: number; readonly last: number },
  ): Effect.fn.Return<Reply, Failure> {
    const { log, court } = this.#parts
    const records = yield* log.read(first - 1, last - first + 1)
    const events = yield* knownOnly(court.codec, yield* decodeRecords(court.codec, records))
    const results = steps.map(({ command }, index): Plain => {
      const own = events.filter((event) => (event.step ?? 0) === index)
      const settled = own.find(({ type }) => type === "request-settled")
      return settled === undefined ? (command.recall?.(own) ?? null) : resultOf(settled)
    })
    const changed = events.some(({ type }) => type !== "request-settled")
    return { position: last, changed, results }
  })
}

const resultOf = ({ data }: Recorded): Plain => (data as { readonly result: Plain }).result

const stoppedBy = (cause: LogFailure | ViewFailure): LogFailure =>
  new LogFailure({
    message: "an earlier write failed, so nothing is written until the ledger is opened again",
    operation: "append",
    reason: "stopped",
    outcome: "none",
    cause,
  })

const notStored = (cause: unknown): ViewFailure =>
  new ViewFailure({
    message: "the events are stored, but the views are not: open the ledger again",
    operation: "commit",
    reason: cause instanceof ViewFailure ? cause.reason : "io",
    outcome: "committed",
    cause,
  })

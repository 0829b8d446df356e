import * as Deferred from "effect/Deferred"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { type AnyCommand, command, type Decided } from "../command/command.js"
import { defineTag } from "../command/define-tag.js"
import { type Failure, NameTaken, type Refusal } from "../errors.js"
import { catalog, fact } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { type AnyEventType, eventType } from "../event/event.js"
import { recordBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { strict } from "../model/schema.js"
import { projections } from "../projection/all.js"
import { tags } from "../projection/tags.js"
import { Draft } from "../view/draft.js"
import { type Court, decide, type Moment, type Verdict } from "./decide.js"
import { Folding } from "./folding.js"
import type { Reply, Request, Step } from "./request.js"

const noted = eventType({
  type: "noted",
  revision: 3,
  schema: Schema.Struct({ text: Schema.String }),
  sentence: () => "noted something",
})

const own: ReadonlyArray<AnyEventType> = [noted]

const codec = makeCodec([...catalog, ...own])

const court: Court = {
  codec,
  foreign: new Map([["noted", strict(noted.schema)]]),
  isOwn: ({ name }) => name === "own",
  fold: new Folding(codec, projections, []).foldCore,
}

const moment: Moment = { position: 5, time: 1_000 }

const empty = () => new Draft(() => undefined)

const requestOf = (steps: ReadonlyArray<Step>, more: Partial<Request> = {}): Request => ({
  steps,
  context: {},
  answer: Deferred.makeUnsafe<Reply, Refusal | Failure>(),
  ...more,
})

const keyed = (idempotencyKey: string, of = idempotencyKey) => ({
  key: { idempotencyKey, digest: digestOf(Buffer.from(of)) },
})

/** A caller's own command that decides as it is told. */
const deciding = (answer: Decided | Refusal): AnyCommand =>
  command<unknown>({ name: "own", parse: (input) => input, decide: () => answer })

const noting = (data: unknown, type = "noted") =>
  deciding({ facts: [{ type, data, subjects: [] }], result: null })

const step = (of: AnyCommand, input: unknown = {}): Step => ({ command: of, input })
const define = (name: string, more: object = {}): Step => step(defineTag, { name, ...more })

const decided = (verdict: Verdict) => {
  if (verdict.kind !== "decided") throw new Error(`it was ${verdict.kind}`)
  return { ...verdict, events: verdict.recordings.map(({ event }) => event) }
}

const refused = (verdict: Verdict): Refusal => {
  if (verdict.kind !== "refused") throw new Error(`it was ${verdict.kind}`)
  return verdict.refusal
}

describe("a request of several steps", () => {
  it("sees in each step what the one before did", () => {
    const draft = empty()
    const steps = [define("gold"), define("gold"), define("gold", { exclusive: true })]
    const { events, changed } = decided(decide(court, requestOf(steps), draft, moment))
    expect(events.map(({ position }) => position)).toEqual([5, 6])
    const id = events[0]?.subjects[0]?.id
    expect(events.map(({ subjects }) => subjects)).toEqual([
      [{ id, previous: 0 }],
      [{ id, previous: 5 }],
    ])
    expect(changed).toBe(true)
    expect(draft.view(tags).get(["name", "gold"])).toMatchObject({ id, exclusive: true })
  })

  it("is refused whole by the refusal of one, and nothing after it is asked", () => {
    const refusal = new NameTaken({ message: "taken", taken: "x", holders: [] })
    const never = command<unknown>({
      name: "never",
      parse: (input) => input,
      decide: () => {
        throw new Error("it was asked")
      },
    })
    const steps = [define("gold"), step(deciding(refusal)), step(never)]
    expect(refused(decide(court, requestOf(steps), empty(), moment))).toBe(refusal)
  })

  it("numbers the steps of a keyed one, so that each finds its events again", () => {
    const steps = [define("a"), define("b")]
    const { events } = decided(decide(court, requestOf(steps, keyed("k")), empty(), moment))
    expect(events.map((event) => event.step)).toEqual([0, 1])
    const unkeyed = decided(decide(court, requestOf(steps), empty(), moment))
    expect(unkeyed.events.map((event) => "step" in event)).toEqual([false, false])
  })
})

describe("an event", () => {
  it("carries context, time and clock, and is the body that is stored", () => {
    const context = { actor: "ann", reason: "why", correlationId: "c", causationId: "d" }
    const request = requestOf([define("gold")], { context, ...keyed("k") })
    const late = { ...moment, clock: 400 }
    const [recording] = decided(decide(court, request, empty(), late)).recordings
    expect(recording?.event).toMatchObject({
      ...context,
      time: 1_000,
      clock: 400,
      idempotencyKey: "k",
      request: request.key?.digest,
    })
    expect(court.codec.decode(recording?.body ?? Buffer.alloc(0))).toEqual(recording?.event)
  })

  it("names an id once, however often its fact does", () => {
    const twice = deciding({
      facts: [{ type: "noted", data: { text: "" }, subjects: ["x", "y", "x"] }],
      result: null,
    })
    const { events } = decided(decide(court, requestOf([step(twice)]), empty(), moment))
    expect(events[0]?.subjects.map(({ id }) => id)).toEqual(["x", "y"])
    expect(events[0]?.revision).toBe(3)
  })

  it("of a caller's own must be as its type says", () => {
    for (const data of [null, {}, { text: 1 }, { text: "", more: 1 }])
      expect(
        refused(decide(court, requestOf([step(noting(data))]), empty(), moment)),
      ).toMatchObject({ _tag: "InvalidInput" })
  })

  it("of a caller's own command is of a type of the caller's own", () => {
    for (const type of ["stranger", "tag-defined", "version-saved"]) {
      const request = requestOf([step(noting({ text: "" }, type))])
      expect(refused(decide(court, request, empty(), moment))).toMatchObject({
        _tag: "InvalidInput",
        path: "facts",
        message: expect.stringContaining(type),
      })
    }
  })

  it.each([
    [5, "noted.subjects[1]"],
    ["half \ud800", "noted.subjects[1]"],
    ["x".repeat(256), "noted.subjects[1]"],
    ["x".repeat(255), undefined],
  ])("of a caller's own names as subject only what is a name: %j", (subject, path) => {
    const subjects = ["a", subject as string]
    const answer = deciding({ facts: [{ type: "noted", data: { text: "" }, subjects }], result: 1 })
    const verdict = decide(court, requestOf([step(answer)]), empty(), moment)
    if (path === undefined) expect(decided(verdict).events).toHaveLength(1)
    else expect(refused(verdict)).toMatchObject({ _tag: "InvalidInput", path })
  })

  it("of a caller's own holds plain data, and so does the result", () => {
    const when = eventType({ type: "when", revision: 1, schema: Schema.Any, sentence: () => "" })
    const more = {
      ...court,
      codec: makeCodec([...catalog, when]),
      foreign: new Map([["when", strict(when.schema)]]),
    }
    const refusalOf = (data: unknown, result: unknown) => {
      const answer = { facts: [{ type: "when", data, subjects: [] }], result } as Decided
      return refused(decide(more, requestOf([step(deciding(answer))]), empty(), moment))
    }
    expect(refusalOf({ at: [new Date(0)] }, null)).toMatchObject({
      _tag: "InvalidInput",
      path: "when.data.at[0]",
    })
    expect(refusalOf(1, { found: new Map() })).toMatchObject({ path: "result.found" })
  })

  it("of several says which part of its request it is, and one alone does not", () => {
    const batch = requestOf([define("a"), define("b"), define("b"), define("c")])
    const { recordings } = decided(decide(court, batch, empty(), moment))
    expect(recordings.map(({ event }) => event.part)).toEqual([
      { index: 0, count: 3 },
      { index: 1, count: 3 },
      { index: 2, count: 3 },
    ])
    for (const { event, body } of recordings) expect(court.codec.decode(body)).toEqual(event)
    const alone = decided(decide(court, requestOf([define("a")]), empty(), moment))
    expect(alone.events[0]).not.toHaveProperty("part")
  })

  it("just fits a record, or is refused", () => {
    const verdictOf = (length: number) => {
      const request = requestOf([step(noting({ text: "x".repeat(length) }))])
      return decide(court, request, empty(), moment)
    }
    const [small] = decided(verdictOf(recordBytesMax - 1_000)).recordings
    const most = recordBytesMax - 1_000 + recordBytesMax - (small?.body.length ?? 0)
    expect(decided(verdictOf(most)).recordings[0]?.body.length).toBe(recordBytesMax)
    expect(refused(verdictOf(most + 1))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "recordBytesMax",
      allowed: recordBytesMax,
      actual: recordBytesMax + 1,
    })
  })
})

describe("an idempotency key", () => {
  it("used before for the same request is known by its events", () => {
    const draft = empty()
    const request = requestOf([define("a"), define("b")], keyed("k"))
    decided(decide(court, request, draft, moment))
    const again = decide(court, request, draft, { ...moment, position: 7 })
    expect(again).toEqual({ kind: "known", first: 5, last: 6 })
  })

  it("used before for another request is refused", () => {
    const draft = empty()
    decided(decide(court, requestOf([define("a")], keyed("k")), draft, moment))
    const other = requestOf([define("b")], keyed("k", "other"))
    expect(refused(decide(court, other, draft, { ...moment, position: 6 }))).toMatchObject({
      _tag: "IdempotencyMismatch",
      idempotencyKey: "k",
      position: 5,
    })
  })

  it("of a request that changes nothing is settled by an event of its own", () => {
    const draft = empty()
    decided(decide(court, requestOf([define("a")]), draft, moment))
    const same = requestOf([define("a")], keyed("k"))
    const { events, changed } = decided(decide(court, same, draft, { ...moment, position: 6 }))
    expect(events).toMatchObject([{ type: "request-settled", data: { command: "define-tag" } }])
    expect(changed).toBe(false)
    const again = decide(court, same, draft, { ...moment, position: 7 })
    expect(again).toEqual({ kind: "known", first: 6, last: 6 })
    const unkeyed = decide(court, requestOf([define("a")]), draft, { ...moment, position: 7 })
    expect(decided(unkeyed).recordings).toEqual([])
  })

  it("of a batch without a step is settled all the same", () => {
    const draft = empty()
    const request = requestOf([], keyed("k"))
    const { events, changed, results } = decided(decide(court, request, draft, moment))
    expect(events).toMatchObject([{ type: "request-settled", data: { command: "batch" } }])
    expect([changed, results]).toEqual([false, []])
    expect(decide(court, request, draft, { ...moment, position: 6 }).kind).toBe("known")
    const other = requestOf([define("a")], keyed("k", "other"))
    expect(refused(decide(court, other, draft, { ...moment, position: 6 }))).toMatchObject({
      _tag: "IdempotencyMismatch",
    })
    expect(decided(decide(court, requestOf([]), draft, moment)).recordings).toEqual([])
  })

  it("keeps a result that cannot be found again in the facts", () => {
    const facts = [{ type: "noted", data: { text: "" }, subjects: [] }]
    const answering = deciding({ facts, result: 42 })
    const request = requestOf([step(answering)], keyed("k"))
    const { events, results, changed } = decided(decide(court, request, empty(), moment))
    expect(events.map(({ type }) => type)).toEqual(["noted", "request-settled"])
    expect(events[1]?.data).toEqual(
      fact("request-settled", { command: "own", result: 42 }, []).data,
    )
    expect([results, changed]).toEqual([[42], true])
  })
})

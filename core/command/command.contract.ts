/**
 * Given, when, then: what happened before, a command, and its facts or its refusal. With the laws
 * that every command keeps, the ledger's own and callers' own.
 *
 * Nothing is stored: events are recorded in a list and folded into plain maps, so a test of a
 * decision is a few plain values. What a call does before its decision is not here.
 */
import { describe, expect, it } from "vitest"
import { isRefusal, type Refusal } from "../errors.js"
import { catalog } from "../event/catalog.js"
import type { AnyEventType, Recorded } from "../event/event.js"
import { Recorder, testId, timeAt } from "../event/recorder.contract.js"
import { type Plain, pack } from "../model/msgpack.js"
import type { Id } from "../model/names.js"
import { parse, strict } from "../model/schema.js"
import { projections } from "../projection/all.js"
import { FoldedViews } from "../projection/projection.contract.js"
import type { AnyProjection } from "../projection/projection.js"
import type { AnyCommand, Decided } from "./command.js"

/** What a program brings along beside the ledger's own. */
export interface Extensions {
  readonly events?: ReadonlyArray<AnyEventType>
  readonly projections?: ReadonlyArray<AnyProjection>
}

const firstFreshId = 500_000

/** The nth id that decisions draw, from 1: the same for every decision on one ledger. */
export const freshTestId = (nth: number): Id => testId(firstFreshId + nth)

export class Given {
  /** Records what is given; what is recorded later counts for the next command. */
  readonly recorder: Recorder
  readonly types: ReadonlyArray<AnyEventType>
  readonly #views: FoldedViews
  #folded = 0
  #drawn = 0

  constructor({ events = [], projections: own = [] }: Extensions = {}) {
    this.recorder = new Recorder(events)
    this.types = [...catalog, ...events]
    this.#views = new FoldedViews([...projections, ...own])
  }

  /** Every view, as of the last event. */
  get views(): FoldedViews {
    const { events } = this.recorder
    this.#views.fold(events.slice(this.#folded))
    this.#folded = events.length
    return this.#views
  }

  #decide(command: AnyCommand, input: unknown, drawn: { count: number }): Decided | Refusal {
    const parsed = command.parse(input)
    if (typeof parsed === "object" && parsed !== null && isRefusal(parsed)) return parsed
    const { position } = this.recorder
    const id = (): Id => {
      drawn.count += 1
      return freshTestId(this.#drawn + drawn.count)
    }
    return command.decide(parsed as never, this.views, { position, time: timeAt(position), id })
  }

  /** Parses and decides. Nothing is recorded, so the same question has the same answer again. */
  when(command: AnyCommand, input: unknown): Decided | Refusal {
    return this.#decide(command, input, { count: 0 })
  }

  /** Decides and records the facts. Throws the refusal. */
  done(command: AnyCommand, input: unknown): ReadonlyArray<Recorded> {
    const drawn = { count: 0 }
    const decided = this.#decide(command, input, drawn)
    if (isRefusal(decided)) throw decided
    this.#drawn += drawn.count
    return decided.facts.map((fact) => this.recorder.record(fact))
  }
}

/** A ledger in which this happened: `given((ledger) => ledger.save("churn")).when(tag, { … })`. */
export const given = (tell: (ledger: Recorder) => void, extensions: Extensions = {}): Given => {
  const situation = new Given(extensions)
  tell(situation.recorder)
  return situation
}

/** One case of a command's contract: the facts that come of it, or the refusal, do not matter. */
export type Situation = readonly [given: Given, input: unknown]

const odd: ReadonlyArray<unknown> = [undefined, null, 0, "", "x", [], {}, Number.NaN, () => 1, /x/]

const checkFacts = ({ types }: Given, { facts, result }: Decided): void => {
  expect(() => pack(result)).not.toThrow()
  for (const { type, data } of facts) {
    const known = types.find((each) => each.type === type)
    expect(known && parse(strict(known.schema), data, type)).toEqual(data)
  }
}

/**
 * The suite. `situations` makes its cases anew at each call: some that make facts, some that change
 * nothing, some that are refused. A command whose input the ledger itself makes is `trusting`.
 */
export const commandContract = (
  command: AnyCommand,
  situations: () => ReadonlyArray<Situation>,
  { trusting = false }: { readonly trusting?: boolean } = {},
): void => {
  describe(`the command ${command.name}`, () => {
    it("has a name in kebab-case", () => {
      expect(command.name).toMatch(/^[a-z]+(-[a-z]+)*$/)
    })

    it("makes plain data of its input, or refuses it as a value", () => {
      for (const [, input] of situations()) {
        const parsed = command.parse(input) as Plain | Refusal
        if (!(parsed instanceof Error)) expect(() => pack(parsed)).not.toThrow()
      }
      if (!trusting) for (const input of odd) expect(command.parse(input)).toBeInstanceOf(Error)
    })

    it("decides the same again, and changes nothing by deciding", () => {
      for (const [ledger, input] of situations()) {
        const first = ledger.when(command, input)
        const rows = projections.map((projection) => ledger.views.rows(projection))
        expect(ledger.when(command, input)).toEqual(first)
        expect(projections.map((projection) => ledger.views.rows(projection))).toEqual(rows)
      }
    })

    it("makes facts that their schemas take", () => {
      expect(situations().length).toBeGreaterThan(0)
      for (const [ledger, input] of situations()) {
        const decided = ledger.when(command, input)
        if (!(decided instanceof Error)) checkFacts(ledger, decided)
      }
    })

    it("finds its result again in the events that were recorded", () => {
      for (const [ledger, input] of situations()) {
        const decided = ledger.when(command, input)
        if (decided instanceof Error || decided.facts.length === 0) continue
        const events = ledger.done(command, input)
        if (command.recall !== undefined) expect(command.recall(events)).toEqual(decided.result)
        expect(events.map(({ type }) => type)).toEqual(decided.facts.map(({ type }) => type))
      }
    })
  })
}

/**
 * One run of commands over a real ledger and a naive one: what was called so far, pages that were
 * begun, and questions to both about any moment.
 *
 * Knows what may be asked, not in which order things are tried.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { expect } from "vitest"
import { BlobFailure, LogFailure, ViewFailure } from "../errors.js"
import type { CoreEvents } from "../event/catalog.js"
import type { Recorded } from "../event/event.js"
import type { Page } from "../query/page.js"
import type { TagQuery } from "../query/tags.js"
import {
  type ArtifactsAsked,
  answerTo,
  Past,
  type PolicyAsked,
  type VersionsAsked,
} from "./answers.contract.js"
import type { ReaderApi } from "./api.js"
import { checkContent } from "./kept.contract.js"
import { Model } from "./model.contract.js"
import type { PrunePlan } from "./prune-call.js"
import { type Call, type Of, Refused, type Step } from "./state.contract.js"
import { type Home, World } from "./world.contract.js"

type Reader = ReaderApi<"effect">

export const artifacts = ["a", "b/c"]
export const tags = ["t", "x", "prod"]
export const keys = ["k", "l"]
const selectors = ["1", "2", "x", "prod", "t"]

export type Listing =
  | { readonly list: "versions"; readonly query: VersionsAsked }
  | { readonly list: "artifacts"; readonly query: ArtifactsAsked }
  | { readonly list: "tags"; readonly query: TagQuery }

const pageOf = (
  reader: Reader,
  listing: Listing,
  more: object,
): Effect.Effect<unknown, unknown> => {
  const query = { ...listing.query, ...more }
  if (listing.list === "versions") return reader.listVersions(query as VersionsAsked)
  if (listing.list === "artifacts") return reader.listArtifacts(query as ArtifactsAsked)
  return reader.listTags(query as TagQuery)
}

const listOf = (past: Past, listing: Listing): ReadonlyArray<unknown> => {
  if (listing.list === "versions") return past.versions(listing.query)
  return listing.list === "artifacts" ? past.artifacts(listing.query) : past.tags(listing.query)
}

/** A list of which some pages were read. */
interface Begun {
  readonly listing: Listing
  readonly cursor: string
  readonly rest: ReadonlyArray<unknown>
}

/** Where a write fails, and what its caller hears. */
export const faults = {
  "the append was refused": { store: "log", phase: "before", outcome: "none" },
  "the append may be stored, and is not": { store: "log", phase: "before", outcome: "unknown" },
  "the append may be stored, and is": { store: "log", phase: "after", outcome: "unknown" },
  "the append is stored, and failed behind it": {
    store: "log",
    phase: "after",
    outcome: "committed",
  },
  "the commit was refused": { store: "view", phase: "before", outcome: "none" },
  "the commit may be stored, and is not": { store: "view", phase: "before", outcome: "unknown" },
  "the commit may be stored, and is": { store: "view", phase: "after", outcome: "unknown" },
} as const

export type Fault = keyof typeof faults

type Question = readonly [Effect.Effect<unknown, unknown>, () => unknown]

const positions = (events: Stream.Stream<Recorded, unknown>): Effect.Effect<unknown, unknown> =>
  Effect.map(Stream.runCollect(events), (found) => found.map(({ position }) => position))

export class Session {
  model = Model.begin(0)
  readonly world: World
  readonly #calls: Array<Call> = []
  #begun: Begun | undefined

  constructor(home: Home) {
    this.world = new World(home)
  }

  /** The `saved` of generated calls count versions: here they become positions. */
  concrete(call: Call): Call {
    const { versions } = this.model.state
    const deleted = versions.filter((version) => version.deleted)
    const of = <A extends Of>(ref: A, among = versions): A | { readonly text: string } => {
      if (!("saved" in ref)) return ref
      const version = among[ref.saved % among.length]
      return version === undefined ? { text: "a@1" } : { ...ref, saved: version.saved }
    }
    const steps = call.steps.map((step): Step => {
      if (step.does === "defineTag") return step
      // What was never deleted has nothing to be restored.
      if (step.does === "restore" && deleted.length > 0)
        return { ...step, of: of(step.of, deleted) }
      if (step.does !== "save") return { ...step, of: of(step.of) }
      const { inputs } = step
      if (inputs === undefined) return step
      return { ...step, inputs: inputs.map((input) => ({ ...input, of: of(input.of) })) }
    })
    return { ...call, steps }
  }

  async perform(call: Call): Promise<void> {
    const concrete = this.concrete(call)
    this.#calls.push(concrete)
    await this.world.both(this.model, concrete)
  }

  /** Calls again what was called before, with another input where it is told so. */
  async again(index: number, changed: boolean): Promise<void> {
    const call = this.#calls[index % this.#calls.length]
    if (call === undefined) return
    const [first = { does: "defineTag", name: "t", meaning: {} } as const] = call.steps
    const other: Step = { ...first, expect: { latest: "none such" } }
    const steps = changed ? [other, ...call.steps.slice(1)] : call.steps
    await this.world.both(this.model, { ...call, steps })
  }

  /** Two at once: what comes of it is what one order of them makes. */
  async pair(one: Call, other: Call): Promise<void> {
    const calls = [this.concrete(one), this.concrete(other)]
    const before = this.model.state.position
    const running = calls.map((call) => Effect.exit(this.world.call(call)))
    const exits = await this.world.run(
      this.model.now,
      Effect.all(running, { concurrency: "unbounded" }),
    )
    const wrong: Array<unknown> = []
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const model = this.model.fork()
      const outcomes = new Map(
        order.map((index) => [index, model.perform(calls[index] ?? { as: "batch", steps: [] })]),
      )
      try {
        await this.world.trying(async () => {
          await this.world.learn(model, before)
          for (const [index, call] of calls.entries()) {
            const outcome = outcomes.get(index)
            const answer = this.world.settled(exits, index)
            if (outcome !== undefined)
              this.world.compare(answer, () => answerTo(model, call, outcome))
          }
        })
        this.model = model
        this.#calls.push(...calls)
        return
      } catch (error) {
        wrong.push(error)
      }
    }
    throw new AggregateError(wrong, "no order of the two explains what came of them")
  }

  async reopen(how: "close" | "crash"): Promise<void> {
    await this.world[how]()
    await this.world.open()
    expect(this.world.ledger.position).toBe(this.model.state.position)
  }

  async rebuild(): Promise<void> {
    const { position } = this.model.state
    const answer = await this.world.run(this.model.now, this.world.ledger.rebuild())
    expect(answer).toEqual({ events: position })
  }

  /** A write whose rows cannot be stored: it is answered all the same, and the next list fails. */
  async #unstored(call: Call, fault: Fault, how: "close" | "crash"): Promise<void> {
    await this.perform(call)
    const { phase, outcome } = faults[fault]
    const { fail } = this.world
    const failure = { message: "the disk failed", reason: "io", outcome } as const
    fail.view = (operation, at) =>
      operation === "commit" && at === phase
        ? new ViewFailure({ ...failure, operation })
        : undefined
    const answer = await this.world.run(this.model.now, this.world.ledger.listTags())
    delete fail.view
    // Where nothing waits to be stored, nothing can fail.
    if (!(answer instanceof ViewFailure)) return
    expect(answer).toMatchObject({ kind: "unavailable", outcome })
    if (outcome !== "none") await this.reopen(how)
  }

  /** A write in the middle of which a store fails. */
  async failing(call: Call, fault: Fault, how: "close" | "crash"): Promise<void> {
    if (faults[fault].store === "view") return await this.#unstored(call, fault, how)
    const concrete = this.concrete(call)
    const trial = this.model.fork()
    const outcome = trial.perform(concrete)
    const before = this.model.state.position
    // Nothing is appended for it, so nothing can fail.
    if (trial.state.position === before) return this.perform(call)
    await this.failingAppend(this.world.call(concrete), trial, fault, how)
    this.#calls.push(concrete)
    // With a key, that is the one answer, whatever came of the first try.
    if (concrete.key !== undefined) {
      const again = await this.world.run(this.model.now, this.world.call(concrete))
      const first = this.model.perform(concrete)
      await this.world.learn(this.model, before)
      expect(first).toEqual(outcome)
      this.world.compare(again, () => answerTo(this.model, concrete, first))
    }
  }

  /** Something in the middle of which an append fails; `trial` is the model with all of it. */
  async failingAppend(
    run: Effect.Effect<unknown, unknown>,
    trial: Model,
    fault: Fault,
    how: "close" | "crash",
  ): Promise<void> {
    const before = this.model.state.position
    const { phase, outcome: stored } = faults[fault]
    const words = { message: "the disk failed", reason: "io", outcome: stored } as const
    const { fail } = this.world
    fail.log = (operation, at) =>
      operation === "append" && at === phase ? new LogFailure({ ...words, operation }) : undefined
    const answer = await this.world.run(this.model.now, run)
    delete fail.log
    expect(answer).toBeInstanceOf(LogFailure)
    expect(answer).toMatchObject({ kind: "unavailable", outcome: stored })
    // What is seen is what was seen before, until the ledger is opened again.
    await this.look(before, before)
    if (stored !== "none") {
      const refused = await this.world.run(this.model.now, this.world.ledger.defineTag("more"))
      expect(refused).toMatchObject({ _tag: "LogFailure", reason: "stopped", outcome: "none" })
      await this.reopenAs(phase === "after" ? trial : this.model, how)
    }
    await this.world.learn(this.model, before)
  }

  /** A write whose content cannot be stored: then nothing is, and the ledger goes on. */
  async spoiled(call: Call): Promise<void> {
    const concrete = this.concrete(call)
    const before = this.model.state.position
    const { fail } = this.world
    fail.blob = (operation, at) =>
      operation === "put" && at === "before"
        ? new BlobFailure({ message: "the disk failed", reason: "io", operation, outcome: "none" })
        : undefined
    const answer = await this.world.run(this.model.now, this.world.call(concrete))
    delete fail.blob
    const next = this.model.fork()
    const outcome = next.perform(concrete)
    const saves = concrete.steps.some(({ does }) => does === "save")
    // What stores nothing, or is refused before it would, does not notice.
    if (saves && next.state.position > before) expect(answer).toBeInstanceOf(BlobFailure)
    if (answer instanceof BlobFailure) expect(answer.outcome).toBe("none")
    else {
      this.model = next
      this.#calls.push(concrete)
    }
    await this.world.learn(this.model, before)
    if (this.model === next) this.world.compare(answer, () => answerTo(next, concrete, outcome))
  }

  /** Plans, compares, and carries out the policy or its plan. */
  async prune(policy: PolicyAsked, how: "policy" | "plan"): Promise<void> {
    const { model, world } = this
    const before = model.state.position
    const said = new Past(model, before)
    const planning = world.ledger.prune({ ...policy, dryRun: true })
    const plan = (await world.run(model.now, planning)) as PrunePlan
    world.compare(withoutWhy(plan), () => said.plan(policy))
    if (!("done" in plan)) return
    const pruning = how === "plan" ? world.ledger.prune(plan) : world.ledger.prune(policy)
    const done = await world.run(model.now, pruning)
    world.compare(withoutWhy(done as PrunePlan), () => ({ ...said.plan(policy), done: true }))
    for (const { data } of await world.events(model.now, before)) {
      const { version } = (data as CoreEvents["version-deleted"]).target
      const saved = Number(String(world.translate(version.id)).split(" ")[1])
      // In this order each is one that nothing uses any more.
      const step = { does: "delete", of: { saved, as: "id" } } as const
      expect(model.perform({ as: "one", steps: [step] })).not.toHaveProperty("refused")
    }
    await world.learn(model, before)
  }

  /** Moves the clock, back too. */
  wait(milliseconds: number): void {
    this.model.now = Math.max(0, this.model.now + milliseconds)
  }

  async reopenAs(model: Model, how: "close" | "crash"): Promise<void> {
    this.model = model
    await this.reopen(how)
  }

  /** The first page of a list as of a position; the second one may come much later. */
  async begin(listing: Listing, limit: number, past: number): Promise<void> {
    const position = past % (this.model.state.position + 1)
    const reader = past === 0 ? this.world.ledger : this.world.ledger.asOf(position)
    const at = past === 0 ? this.model.state.position : position
    await this.#page(listing, reader, () => listOf(new Past(this.model, at), listing), { limit })
  }

  /** The next page of the list begun last, as of its first one, with a limit of its own. */
  async next(limit: number): Promise<void> {
    if (this.#begun === undefined) return
    const { listing, cursor, rest } = this.#begun
    await this.#page(listing, this.world.ledger, () => rest, { limit, cursor })
  }

  async #page(
    listing: Listing,
    reader: Reader,
    list: () => ReadonlyArray<unknown>,
    more: { readonly limit: number; readonly cursor?: string },
  ): Promise<void> {
    const answer = await this.world.run(this.model.now, pageOf(reader, listing, more))
    const { entries, next } = answer as Partial<Page<unknown>>
    this.world.compare(entries ?? answer, () => list().slice(0, more.limit))
    if (entries === undefined) return
    const rest = list().slice(more.limit)
    expect(next !== undefined).toBe(rest.length > 0)
    this.#begun = next === undefined ? undefined : { listing, cursor: next, rest }
  }

  /** Every question about a moment; `of` is as `asOf` takes it. */
  async look(position: number, of?: number | Date): Promise<void> {
    const { model, world } = this
    const reader = of === undefined ? world.ledger : world.ledger.asOf(of)
    const isSwept = model.state.versions.some(({ swept }) => swept !== undefined)
    const stored = isSwept || of === undefined ? await checkContent(world, model) : undefined
    const past = new Past(model, position, stored)
    const asked = [...this.#questions(reader, past), ...this.#walks(reader, past)]
    if (of === undefined)
      asked.push([
        Effect.map(world.ledger.stats(), ({ projections, ...stats }) => {
          for (const { lag } of Object.values(projections)) expect(lag).toBe(0)
          return stats
        }),
        () => past.stats(),
      ])
    const calls = asked.map(([question]) => Effect.exit(question))
    const exits = await world.run(model.now, Effect.all(calls))
    for (const [index, [, said]] of asked.entries())
      world.compare(world.settled(exits, index), said)
  }

  #questions(reader: Reader, past: Past): Array<Question> {
    const questions: Array<Question> = []
    const some = this.model.state.versions.slice(-2)
    const ids = some.flatMap(
      ({ saved }): ReadonlyArray<Of> => [
        { saved, as: "id" },
        { saved, as: "tail" },
      ],
    )
    const names = artifacts.map((text) => ({ text }))
    for (const { text } of names)
      for (const selector of selectors) {
        const of = { text: `${text}@${selector}` }
        questions.push([reader.get(of.text), () => past.get(of)])
      }
    for (const of of [...names, ...ids]) {
      const reference = this.world.refer(of) as string
      questions.push([reader.find(reference), () => orNone(() => past.get(of))])
      questions.push([reader.metadataHistory(reference), () => past.metadataHistory(of)])
    }
    for (const of of ids.slice(-2)) {
      const reference = this.world.refer(of) as string
      questions.push([reader.load(reference), () => past.value(of)])
      questions.push([Effect.as(reader.zip(reference), "a zip"), () => past.zip(of)])
    }
    for (const name of artifacts) {
      const of = { artifact: name }
      questions.push([reader.artifact(name), () => past.artifact(name)])
      questions.push([reader.findArtifact(name), () => orNone(() => past.artifact(name))])
      questions.push([positions(reader.history(of)), () => past.history(of)])
      for (const key of keys) {
        questions.push([reader.metadataSeries(name, key), () => past.metadataSeries(name, key)])
        questions.push([reader.metadataHistory(of, key), () => past.metadataHistory(of, key)])
      }
    }
    for (const tag of tags) {
      questions.push([reader.findTag(tag), () => past.tag(tag)])
      questions.push([positions(reader.history({ tag })), () => past.history({ tag })])
    }
    for (const of of ids)
      questions.push([positions(reader.history(this.world.refer(of))), () => past.history(of)])
    return questions
  }

  #walks(reader: Reader, past: Past): ReadonlyArray<Question> {
    const [name = "", tag = ""] = [artifacts[0], tags[0]]
    const of = (list: Stream.Stream<unknown, unknown>) => Stream.runCollect(list)
    const tagged = { tags: { any: tags.slice(1) } }
    const byName = { sort: { by: "name", order: "desc" } } as const
    const bySize = { sort: { by: "size" } } as const
    const changed = { sort: { by: "updatedAt", order: "desc" } } as const
    return [
      [of(reader.versions()), () => past.versions({})],
      [of(reader.versions({ name })), () => past.versions({ name })],
      [of(reader.versions(tagged)), () => past.versions(tagged)],
      [of(reader.versions(byName)), () => past.versions(byName)],
      [of(reader.versions(bySize)), () => past.versions(bySize)],
      [of(reader.artifacts()), () => past.artifacts({})],
      [of(reader.artifacts(changed)), () => past.artifacts(changed)],
      [of(reader.tags()), () => past.tags({})],
      [positions(reader.replay()), () => past.replay(() => true)],
      [
        positions(reader.replay({ actor: "ann" })),
        () => past.replay(({ actor }) => actor === "ann"),
      ],
      [
        positions(reader.replay({ tag, types: ["tags-added"], after: 3 })),
        () => {
          past.history({ tag })
          return past.replay(
            ({ type, position, about }) =>
              type === "tags-added" && position > 3 && `tag ${tag}` in about,
          )
        },
      ],
    ]
  }

  /** The position that a date means: of the last event by then. */
  positionAt(date: number): number {
    return (
      this.model.states.findLast(({ time, position }) => position > 0 && time <= date)?.position ??
      0
    )
  }

  /** Everything as of a position. */
  async lookAt(moment: number): Promise<void> {
    const position = moment % (this.model.state.position + 1)
    await this.look(position, position)
  }

  /** Everything as of a date; one that is to come means the present. */
  async lookOn(date: number): Promise<void> {
    await this.look(this.positionAt(date), new Date(date))
  }

  /** Everything at the present and at a past moment; and the rows that are left at the end. */
  async end(past: number): Promise<void> {
    await this.look(this.model.state.position)
    if (past % 2 === 0) await this.lookAt(past)
    else await this.lookOn(past)
    await this.world.close()
    await this.world.compareRows()
  }
}

/** The reasons in words are not those of the model. */
const withoutWhy = (answer: PrunePlan): unknown =>
  "done" in answer
    ? { ...answer, versions: answer.versions.map(({ why, ...version }) => version) }
    : answer

/** What `find` gives where `get` says that there is none. */
const orNone = (get: () => unknown): unknown => {
  try {
    return get()
  } catch (refused) {
    const missing = ["ArtifactMissing", "VersionMissing"]
    if (refused instanceof Refused && missing.includes(String(refused.fields.refused)))
      return undefined
    throw refused
  }
}

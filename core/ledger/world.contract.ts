/**
 * A real ledger beside a naive one: carries calls out on the real one, translates its answers (ids
 * become `version 7`, digests `content of x`) and compares them, its events included.
 *
 * Knows where ledgers lie and how they are stopped, not which calls are worth trying.
 */
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { expect } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import { type Failure, isDaybookError, type Refusal } from "../errors.js"
import type { CoreEvents, CoreRecorded } from "../event/catalog.js"
import type { Reference, Target } from "../model/reference.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import type { ViewStore } from "../view/view-store.js"
import { answerTo } from "./answers.contract.js"
import type { Swept } from "./answers.js"
import type { LedgerApi } from "./api.js"
import { layoutOf } from "./layout.js"
import { rowsOf } from "./ledger.contract.js"
import { Ledger } from "./ledger.js"
import { layer } from "./local.js"
import type { Model, Outcome } from "./model.contract.js"
import { type Failpoints, leftIn, MemoryPlace } from "./places.contract.js"
import { dayMilliseconds, type Sweeping } from "./standing.contract.js"
import { type Call, type Of, Refused, type Save, type Step } from "./state.contract.js"

export type Api = LedgerApi<"effect">

/** Where a ledger lies, and what is left of it there. */
export interface Home {
  readonly layer: () => Layer.Layer<Ledger, Refusal | Failure>
  readonly fail: Failpoints | undefined
  /** Afterwards the ledger that is open is no longer this one. */
  readonly crash: () => void
  readonly left: () => Promise<ConstructorParameters<typeof MemoryPlace>[0]>
  readonly views: () => Layer.Layer<ViewStore, unknown>
}

export const inMemory = (): Home => {
  let place = new MemoryPlace(0)
  return {
    layer: () => place.layer(),
    get fail() {
      return place.fail
    },
    crash: () => {
      const { tip, rows } = place
      place = new MemoryPlace(place)
      place.tip = tip
      for (const [key, row] of rows) place.rows.set(key, row)
    },
    left: async () => ({ ...place, records: [...place.records], blobs: emptyBlobs() }),
    views: () => MemoryViews.layerWith({ rows: place.rows }),
  }
}

/** Where nothing waits for the disk: what was killed is what lies there at that moment. */
export const onDisk = (directory: string, durability: "synced" | "buffered"): Home => {
  let count = 0
  const at = () => `${directory}/${count}`
  return {
    layer: () => layer({ directory: at(), durability }),
    fail: undefined,
    crash: () => {
      const before = at()
      count += 1
      cpSync(before, at(), { recursive: true })
      // A killed owner is known by its pid; this process lives on.
      rmSync(join(layoutOf(at()).lock, "owner"))
    },
    left: async () => ({ ...(await leftIn(at())), blobs: emptyBlobs() }),
    views: () => LevelViews.layer({ directory: layoutOf(at()).view }),
  }
}

/** An answer, or the refusal with what is known of it. Anything else that is thrown is a defect. */
const settled = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Exit.findErrorOption(exit)
  if (error._tag === "None" || !isDaybookError(error.value)) throw Cause.squash(exit.cause)
  return error.value
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

const saveOptions = (
  { does, name, value, inputs, ...options }: Save,
  refer: (of: Of) => Target,
) => {
  if (inputs === undefined) return options
  const roles = inputs.map(({ of, as }) => {
    const reference = refer(of) as Reference
    return as === undefined ? reference : { version: reference, as }
  })
  return { ...options, inputs: roles }
}

export const undoOption = (undo: number | undefined): { readonly undoDays?: number } =>
  undo === undefined ? {} : { undoDays: undo / dayMilliseconds }

/** As `toEqual`, whose report costs too much to be made ready for what is equal nearly always. */
export const equal = (found: unknown, expected: unknown): void => {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected)
}

const saidOf = (model: Model, of: number): unknown => {
  const { position, type, time, actor, key, about } = model.events[of - 1] ?? {}
  return { position, type, time, actor, key, about }
}

export class World {
  readonly #home: Home
  #runtime: ManagedRuntime.ManagedRuntime<Ledger, unknown> | undefined
  #ledger: Api | undefined
  /** What ids and digests stand for, and the reverse. */
  #names = new Map<string, string>()
  #ids = new Map<string, string>()

  constructor(home: Home) {
    this.#home = home
  }

  get fail(): Failpoints {
    return this.#home.fail ?? {}
  }

  get ledger(): Api {
    if (this.#ledger === undefined) throw new Error("no ledger is open")
    return this.#ledger
  }

  async open(): Promise<void> {
    const stopped = Layer.provideMerge(this.#home.layer(), TestClock.layer())
    this.#runtime = ManagedRuntime.make(stopped)
    this.#ledger = await this.#runtime.runPromise(Ledger.use((ledger) => Effect.succeed(ledger)))
    expect(this.ledger.trust).toMatchObject({ damaged: [], damagedContent: [] })
  }

  async close(): Promise<void> {
    if (this.#ledger !== undefined) await Effect.runPromise(this.ledger.close())
    await this.#end()
  }

  /** What is there at this moment is all that the next one to open it finds. */
  async crash(): Promise<void> {
    this.#home.crash()
    await this.#end()
  }

  /** Lets go of everything, whatever state it is in. */
  abandon(): Promise<void> {
    return this.#end()
  }

  async #end(): Promise<void> {
    this.#ledger = undefined
    await this.#runtime?.dispose()
  }

  /** Runs it at a time, and answers with what came of it. */
  async run(now: number, effect: Effect.Effect<unknown, unknown>): Promise<unknown> {
    if (this.#runtime === undefined) throw new Error("no ledger is open")
    const timed = Effect.andThen(TestClock.setTime(now), Effect.exit(effect))
    return settled(await this.#runtime.runPromise(timed as Effect.Effect<Exit.Exit<unknown>>))
  }

  /** What came of one of several that were run together. */
  settled(exits: unknown, index: number): unknown {
    const exit = (exits as ReadonlyArray<Exit.Exit<unknown, unknown>>)[index]
    if (exit === undefined) throw new Error(`nothing came of number ${index}`)
    return settled(exit)
  }

  refer(of: Of): Target {
    if ("artifact" in of) return of
    if ("text" in of) return of.text
    if ("planned" in of) throw new Error("a planned version has no id before its batch")
    const id = this.#ids.get(`version ${of.saved}`) ?? ""
    return of.as === "id" ? id : id.slice(-12)
  }

  /** The call as an operation of the ledger. */
  call(call: Call): Effect.Effect<unknown, unknown> {
    const { as, steps, key, actor } = call
    const ledger = actor === undefined ? this.ledger : this.ledger.with({ actor })
    const keyed = key === undefined ? {} : { idempotencyKey: key }
    const refer = (of: Of) => this.refer(of)
    if (as === "saveAll")
      return ledger.saveAll(
        steps.flatMap((step) =>
          step.does === "save"
            ? [{ name: step.name, value: step.value, ...saveOptions(step, refer) }]
            : [],
        ),
        keyed,
      )
    if (as === "batch") return ledger.batch((batch) => this.#plan(batch, steps), keyed)
    const [step] = steps
    if (step === undefined) throw new Error("there is nothing to call")
    return this.#one(ledger, step, keyed)
  }

  #one(ledger: Api, step: Step, keyed: { readonly idempotencyKey?: string }) {
    const expecting = step.expect === undefined ? keyed : { ...keyed, expect: step.expect }
    const options = expecting as typeof keyed
    const refer = (of: Of) => this.refer(of)
    switch (step.does) {
      case "save":
        return ledger.save(step.name, step.value, { ...saveOptions(step, refer), ...keyed })
      case "defineTag":
        return ledger.defineTag(step.name, { ...step.meaning, ...options })
      case "tag":
      case "untag":
        return ledger[step.does](refer(step.of), step.tags, options)
      case "log":
        return ledger.logMetadata(refer(step.of), step.values, options)
      case "unlog":
        return ledger.removeMetadata(refer(step.of), step.keys, options)
      case "delete":
        return ledger.delete(refer(step.of), step.force ? { ...options, force: true } : options)
      case "restore":
        return ledger.restore(refer(step.of), options)
      case "hold":
      case "release":
        return ledger[step.does](refer(step.of) as Reference, options)
    }
  }

  #plan(batch: Parameters<Parameters<Api["batch"]>[0]>[0], steps: ReadonlyArray<Step>): void {
    const planned: Array<string> = []
    const refer = (of: Of): Target =>
      "planned" in of ? { id: planned[of.planned] ?? "" } : this.refer(of)
    for (const [index, step] of steps.entries()) {
      const options = step.expect === undefined ? {} : { expect: step.expect }
      if (step.does === "save")
        planned[index] = batch.save(step.name, step.value, saveOptions(step, refer)).id
      else if (step.does === "defineTag")
        batch.defineTag(step.name, { ...step.meaning, ...options })
      else if (step.does === "tag") batch.tag(refer(step.of), step.tags, options)
      else if (step.does === "untag") batch.untag(refer(step.of), step.tags, options)
      else if (step.does === "log") batch.logMetadata(refer(step.of), step.values, options)
      else if (step.does === "unlog") batch.removeMetadata(refer(step.of), step.keys, options)
      else if (step.does === "hold" || step.does === "release")
        batch[step.does](refer(step.of) as Reference, options)
    }
  }

  sweep({ undo, dryRun, actor }: Sweeping): Effect.Effect<Swept, unknown> {
    const ledger = actor === undefined ? this.ledger : this.ledger.with({ actor })
    return ledger.sweep({ ...undoOption(undo), ...(dryRun === undefined ? {} : { dryRun }) })
  }

  /** Does something, and forgets the ids that it learned if it fails. */
  async trying(body: () => Promise<void>): Promise<void> {
    const [names, ids] = [new Map(this.#names), new Map(this.#ids)]
    try {
      await body()
    } catch (error) {
      this.#names = names
      this.#ids = ids
      throw error
    }
  }

  #bind(id: string, name: string): void {
    equal([this.#names.get(id) ?? name, this.#ids.get(name) ?? id], [name, id])
    this.#names.set(id, name)
    this.#ids.set(name, id)
  }

  /** The answer in the words of the model. */
  translate(value: unknown): unknown {
    if (typeof value === "string") return this.#names.get(value) ?? value
    if (Array.isArray(value)) return value.map((member) => this.translate(member))
    if (!isPlain(value)) return value
    return Object.fromEntries(
      Object.entries(value)
        // Says again, with the file inside, what digest and size say.
        .filter(([key]) => key !== "content")
        .map(([key, member]) => [key, this.translate(member)]),
    )
  }

  /** The events after a position, their ids learned. */
  async events(now: number, after: number): Promise<ReadonlyArray<CoreRecorded>> {
    const read = Stream.runCollect(this.ledger.replay({ after }))
    const events = (await this.run(now, read)) as ReadonlyArray<CoreRecorded>
    for (const event of events) this.#learnFrom(event)
    return events
  }

  /** Reads the events that the model has since a position, and compares them. */
  async learn(model: Model, after: number): Promise<void> {
    expect(this.ledger.position).toBe(model.state.position)
    if (after === model.state.position) return
    const events = await this.events(model.now, after)
    for (const [index, event] of events.entries()) {
      expect(event.position).toBe(after + index + 1)
      if (event.type === "version-saved") {
        const version = model.states[event.position]?.versions.at(-1)
        this.#bind(event.data.content.digest, `content of ${version?.value}`)
        for (const { digest } of event.data.content.entries ?? [])
          this.#bind(digest, `file of ${version?.value}`)
      }
      if (event.type === "content-swept") this.#checkSwept(model, event.data)
      equal(this.#told(event), saidOf(model, event.position))
    }
  }

  /** Of each version its label, artifact and content are told too. */
  #checkSwept(model: Model, { versions }: CoreEvents["content-swept"]): void {
    const told = versions.map(({ artifact, version, digest }) =>
      [version.id, version.label, artifact.id, digest].map((one) => this.translate(one)),
    )
    const ids = told.map(([id]) => id)
    const said = model.state.versions.map(({ saved, of, label, value }) => [
      ...[`version ${saved}`, label],
      ...[`artifact ${of}`, `content of ${value}`],
    ])
    const wanted = ids.map((id) => said.find(([other]) => other === id))
    equal(told, wanted)
    equal(new Set(ids).size, ids.length)
  }

  /** Whether an event is that of the model. */
  isSame(model: Model, event: CoreRecorded): boolean {
    return isDeepStrictEqual(this.#told(event), saidOf(model, event.position))
  }

  #told({ position, type, time, actor, idempotencyKey: key, subjects }: CoreRecorded): unknown {
    const links = subjects.map(({ id, previous }) => [this.translate(id), previous])
    return { position, type, time, actor, key, about: Object.fromEntries(links) }
  }

  #learnFrom({ type, data, position }: CoreRecorded): void {
    if (type === "version-saved") {
      this.#bind(data.version.id, `version ${position}`)
      this.#bind(data.artifact.id, `artifact ${data.artifact.name}`)
    }
    if (type === "tag-defined") this.#bind(data.tag.id, `tag ${data.tag.name}`)
    if (type === "version-saved" || type === "tags-added")
      for (const { id, name } of data.tags) this.#bind(id, `tag ${name}`)
  }

  /** Whether an answer is what the model says; `say` throws a refusal. */
  compare(answer: unknown, say: () => unknown): void {
    let said: unknown
    try {
      said = say()
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused
      equal(this.#known(answer, refused), refused.fields)
      return
    }
    equal(this.translate(answer), said)
  }

  /** As `compare`, as an answer. */
  isAnswer(answer: unknown, say: () => unknown): boolean {
    try {
      return isDeepStrictEqual(this.translate(answer), say())
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused
      return isDeepStrictEqual(this.#known(answer, refused), refused.fields)
    }
  }

  /** Of a refusal those fields that the model knows. */
  #known(answer: unknown, { fields }: Refused): unknown {
    if (!isDaybookError(answer)) return answer
    const all = { ...(this.translate({ ...answer }) as object), refused: answer._tag }
    return Object.fromEntries(Object.entries(all).filter(([key]) => key in fields))
  }

  /** Carries a call out on both, and compares. */
  async both(model: Model, call: Call): Promise<Outcome> {
    const before = model.state.position
    const answer = await this.run(model.now, this.call(call))
    const outcome = model.perform(call)
    await this.learn(model, before)
    this.compare(answer, () => answerTo(model, call, outcome))
    return outcome
  }

  /** The rows of the views, and those that a replay from nothing makes, byte for byte. */
  async compareRows(): Promise<void> {
    const anew = new MemoryPlace(await this.#home.left())
    await anew.use(() => Effect.void)
    const rows = (store: Layer.Layer<ViewStore, unknown>) =>
      Effect.runPromise(Effect.provide(rowsOf, store))
    const [kept, made] = [
      await rows(this.#home.views()),
      await rows(MemoryViews.layerWith({ rows: anew.rows })),
    ]
    equal(kept, made)
  }
}

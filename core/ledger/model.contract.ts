/**
 * A naive ledger in memory, written from what the README promises: every state that there ever was
 * is kept whole, and a call changes a copy of the last one. What suites of random commands hold the
 * real one against.
 *
 * Shares no rule with the ledger: no command, fold, query or resolver of it is called here.
 */
import { isDeepStrictEqual } from "node:util"
import { candidateCountMax, sweptVersionCountMax } from "../limits.js"
import { type Metadata, storageSize } from "../model/metadata.js"
import { refuseGone, Standings, type Sweeping, undoOf } from "./standing.contract.js"
import {
  type Artifact,
  artifactOf,
  type Call,
  consumersOf,
  copyOf,
  type Expect,
  find,
  type Happening,
  holdersOf,
  latestOf,
  type Mark,
  type Meant,
  type Of,
  Refused,
  refuse,
  type Save,
  type State,
  type Step,
  tagOf,
  type Version,
  versionsOf,
} from "./state.contract.js"

interface Subject {
  readonly thing: string
  /** The name of the artifact it is or belongs to. */
  readonly name: string
  /** Whether artifacts compete for its tags, not versions of one artifact. */
  readonly isArtifact: boolean
  readonly tags?: ReadonlyArray<string>
}

const checkExpect = (state: State, expect: Expect | undefined, subject: Subject): void => {
  const check = (expectation: keyof Expect, actual: unknown): void => {
    const expected = expect?.[expectation]
    if (expected !== undefined && expected !== actual)
      refuse("ExpectationFailed", { expectation, expected, actual })
  }
  const { thing, name, isArtifact, tags = [] } = subject
  check("position", state.last[thing] ?? 0)
  check("latest", latestOf(state, name)?.label ?? null)
  if (expect?.holder === undefined) return
  const [tag = "", ...more] = tags
  if (tag === "" || more.length > 0) refuse("InvalidInput")
  const holders = isArtifact
    ? state.artifacts.filter((artifact) => artifact.tags.includes(tag)).map((one) => one.name)
    : holdersOf(state, name, tag).map(({ label }) => label)
  check("holder", holders.length === 1 ? holders[0] : null)
}

const thingOf = ({ artifact, version }: Meant): string =>
  version === undefined ? `artifact ${artifact.name}` : `version ${version.saved}`

/** The thing and what it belongs to: what an event about it is about. */
const aboutOf = (meant: Meant): ReadonlyArray<string> =>
  meant.version === undefined
    ? [thingOf(meant)]
    : [thingOf(meant), `artifact ${meant.artifact.name}`]

const subjectOf = (meant: Meant, tags?: ReadonlyArray<string>): Subject => ({
  thing: thingOf(meant),
  name: meant.artifact.name,
  isArtifact: meant.version === undefined,
  ...(tags === undefined ? {} : { tags }),
})

/** Refuses an exclusive tag that is the label of a version of the same artifact. */
const checkTags = (
  state: State,
  name: string,
  tags: ReadonlyArray<string>,
  label?: string,
): void => {
  for (const tag of tags) {
    if (tagOf(state, tag)?.exclusive !== true) continue
    const labels = versionsOf(state, name).map((version) => version.label)
    if ([label, ...labels].includes(tag)) refuse("NameTaken", { taken: tag })
  }
}

const markIn = ({ position, time }: State, actor: string | undefined): Mark => ({
  position,
  time,
  actor,
})

const without = <A>(list: ReadonlyArray<A>, ...others: ReadonlyArray<A>): ReadonlyArray<A> =>
  list.filter((one) => !others.includes(one))

/** Puts tags on a thing, made where they are new. Answers with what the event is about. */
const putTags = (state: State, meant: Meant, tags: ReadonlyArray<string>): ReadonlyArray<string> =>
  tags.flatMap((name) => {
    const thing = `tag ${name}`
    const held = meant.version ?? meant.artifact
    if (tagOf(state, name) === undefined) {
      const { position: made, time } = state
      state.tags.push({ name, made, time, exclusive: false, color: undefined })
    }
    const rivals: ReadonlyArray<Version | Artifact> =
      meant.version === undefined ? state.artifacts : versionsOf(state, meant.artifact.name)
    const from = rivals.find((rival) => rival !== held && rival.tags.includes(name))
    held.tags = [...held.tags, name]
    if (tagOf(state, name)?.exclusive !== true || from === undefined) return [thing]
    from.tags = without(from.tags, name)
    if ("made" in from) {
      from.updated = state.time
      return [thing, `artifact ${from.name}`]
    }
    return [thing, `version ${from.saved}`, `artifact ${from.of}`]
  })

type Change = Exclude<Step, { readonly does: "save" | "defineTag" | "restore" }>

/** What was answered to a call: a refusal, or its place and what each of its steps made. */
export type Outcome =
  | { readonly refused: Refused }
  | { readonly position: number; readonly changed: boolean; readonly made: ReadonlyArray<number> }

export class Model {
  /** By position; at first, nothing. */
  readonly states: Array<State> = [
    { position: 0, time: 0, artifacts: [], versions: [], tags: [], last: {} },
  ]
  readonly events: Array<Happening> = []
  readonly receipts = new Map<string, { readonly request: string; readonly outcome: Outcome }>()
  /** What the clock shows. */
  now = 0

  static begin(now: number): Model {
    const model = new Model()
    model.now = now
    model.#happen("ledger-created", [], {}, () => [])
    return model
  }

  /** One to try things on; the past is shared. */
  fork(): Model {
    const fork = new Model()
    fork.now = this.now
    fork.states.splice(0, 1, ...this.states)
    fork.events.push(...this.events)
    for (const [key, receipt] of this.receipts) fork.receipts.set(key, receipt)
    return fork
  }

  get state(): State {
    const state = this.states.at(-1)
    if (state === undefined) throw new Error("there is no state")
    return state
  }

  #happen(
    type: string,
    about: ReadonlyArray<string>,
    { call, values = {} }: { readonly call?: Call; readonly values?: Happening["values"] },
    change: (next: State) => ReadonlyArray<string>,
  ): void {
    const before = this.state
    const next = copyOf(before, Math.max(this.now, before.time))
    const things = [...about, ...change(next)]
    const links = things.map((thing) => [thing, before.last[thing] ?? 0] as const)
    for (const thing of things) next.last[thing] = next.position
    const { position, time } = next
    const [actor, key] = [call?.actor, call?.key]
    this.events.push({ position, type, time, actor, key, about: Object.fromEntries(links), values })
    this.states.push(next)
  }

  /** Carries a call out, or refuses it and leaves everything as it was. */
  perform(call: Call): Outcome {
    const request = JSON.stringify(call.steps)
    const first = this.state.position + 1
    const receipt = call.key === undefined ? undefined : this.receipts.get(call.key)
    if (receipt?.request === request) return receipt.outcome
    if (receipt !== undefined) {
      const position = this.events.find(({ key }) => key === call.key)?.position
      return { refused: new Refused("IdempotencyMismatch", { idempotencyKey: call.key, position }) }
    }
    const made: Array<number> = []
    try {
      for (const step of call.steps) {
        const before = this.state.position
        made.push(this.#step(call, step, made))
        if (this.state.position === before) this.#settle(call)
      }
      if (call.steps.length === 0) this.#settle(call)
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused
      this.states.length = first
      this.events.length = first - 1
      return { refused }
    }
    const { position } = this.state
    const changed = this.events.slice(first - 1).some(({ type }) => type !== "request-settled")
    const outcome = { position, changed, made }
    if (call.key !== undefined) this.receipts.set(call.key, { request, outcome })
    return outcome
  }

  /** Sweeps, or says on a dry run what would be; answers with how everything stood before. */
  sweep(sweeping: Sweeping): Standings {
    const standings = new Standings(this.state, this.now, undoOf(sweeping.undo))
    if (sweeping.dryRun !== true) this.giveUp(standings.due, sweeping.actor)
    return standings
  }

  /** Gives up the content of versions, in order; of more than fit one event, in several. */
  giveUp(versions: ReadonlyArray<Version>, actor: string | undefined): void {
    const given = versions.slice(0, sweptVersionCountMax)
    if (given.length === 0) return
    const about = given.flatMap(({ saved, of }) => [`version ${saved}`, `artifact ${of}`])
    const call: Call = { as: "one", steps: [], ...(actor === undefined ? {} : { actor }) }
    this.#happen("content-swept", about, { call }, (next) => {
      for (const { saved, of } of given) {
        const version = next.versions.find((one) => one.saved === saved)
        const artifact = artifactOf(next, of)
        if (version === undefined || artifact === undefined) throw new Error("nothing to sweep")
        version.swept = markIn(next, actor)
        if (version.deleted === undefined) artifact.swept = version
      }
      return []
    })
    this.giveUp(versions.slice(sweptVersionCountMax), actor)
  }

  /** A key is kept by an event, also when there was nothing to do. */
  #settle(call: Call): void {
    if (call.key !== undefined) this.#happen("request-settled", [], { call }, () => [])
  }

  /** Answers with the version that a save made or found, 0 for anything else. */
  #step(call: Call, step: Step, made: ReadonlyArray<number>): number {
    if (step.does === "save") return this.#save(call, step, made)
    if (step.does === "defineTag") this.#define(call, step)
    else {
      const { of } = step
      const planned = "planned" in of ? { saved: made[of.planned] ?? 0, as: "id" as const } : of
      if (step.does === "restore") this.#restore(call, step, planned)
      else this.#change(call, step, planned)
    }
    return 0
  }

  #save(call: Call, step: Save, made: ReadonlyArray<number>): number {
    const { state } = this
    const { name, value, tags = [], metadata = {} } = step
    const artifact = artifactOf(state, name)
    if (artifact?.deleted !== undefined) refuse("NameTaken", { taken: name })
    const thing = `artifact ${name}`
    checkExpect(state, step.expect, { thing, name, isArtifact: false, tags })
    const latest = latestOf(state, name)
    const same = step.reuse !== undefined && latest?.value === value ? latest : undefined
    if (artifact !== undefined && same !== undefined && (step.version ?? same.label) === same.label)
      return this.#reuse(call, step, { artifact, version: same })
    const label = step.version ?? String((artifact?.counter ?? 0) + 1)
    if (versionsOf(state, name).some((version) => version.label === label))
      refuse("VersionExists", { artifact: name, version: label })
    if (tagOf(state, label)?.exclusive === true && holdersOf(state, name, label).length > 0)
      refuse("NameTaken", { taken: label })
    const inputs: Array<Version["inputs"][number]> = []
    for (const { of, as } of step.inputs ?? []) {
      const planned = "planned" in of ? { saved: made[of.planned] ?? 0, as: "id" as const } : of
      const { saved = 0 } = find(state, planned).version ?? {}
      const input = as === undefined ? { saved } : { saved, as }
      if (!inputs.some((one) => isDeepStrictEqual(one, input))) inputs.push(input)
    }
    checkTags(state, name, tags, label)
    const saved = state.position + 1
    const values = { storage_size: storageSize(Buffer.byteLength(value)), ...metadata }
    const about = [`version ${saved}`, thing]
    this.#happen("version-saved", about, { call, values }, (next) => {
      const { time } = next
      const version = { saved, of: name, label, value, time, actor: call.actor, inputs }
      const whole: Version = {
        ...version,
        tags: [],
        metadata: values,
        deleted: undefined,
        held: undefined,
        swept: undefined,
      }
      const fresh = { name, made: saved, time, updated: time, counter: 0, tags: [], metadata: {} }
      const owner = artifactOf(next, name) ?? { ...fresh, deleted: undefined, swept: undefined }
      if (artifact === undefined) next.artifacts.push(owner)
      owner.updated = time
      if (/^[1-9]\d*$/.test(label)) owner.counter = Math.max(owner.counter, Number(label))
      next.versions.push(whole)
      return putTags(next, { artifact: owner, version: whole }, tags)
    })
    return saved
  }

  #reuse(call: Call, { tags = [], metadata = {} }: Save, meant: Required<Meant>): number {
    const { saved, tags: held, metadata: known } = meant.version
    checkTags(this.state, meant.artifact.name, tags)
    const of = { saved, as: "id" } as const
    const added = without(tags, ...held)
    if (added.length > 0) this.#putTags(call, of, added)
    const values = Object.entries(metadata).filter(
      ([key, value]) => !(Object.hasOwn(known, key) && isDeepStrictEqual(known[key], value)),
    )
    if (values.length > 0) this.#log(call, of, Object.fromEntries(values))
    return saved
  }

  #putTags(call: Call, of: Of, tags: ReadonlyArray<string>): void {
    this.#happen("tags-added", aboutOf(find(this.state, of)), { call }, (next) => {
      const meant = find(next, of)
      if (meant.version === undefined) meant.artifact.updated = next.time
      return putTags(next, meant, tags)
    })
  }

  #log(call: Call, of: Of, values: Metadata): void {
    this.#happen("metadata-logged", aboutOf(find(this.state, of)), { call, values }, (next) => {
      const { artifact, version } = find(next, of)
      const target = version ?? artifact
      target.metadata = { ...target.metadata, ...values }
      if (version === undefined) artifact.updated = next.time
      return []
    })
  }

  #define(call: Call, step: Step & { readonly does: "defineTag" }): void {
    const { name, meaning, expect } = step
    const { state } = this
    const tag = tagOf(state, name)
    const thing = tag === undefined ? "" : `tag ${name}`
    checkExpect(state, expect, { thing, name: "", isArtifact: false })
    const { exclusive = tag?.exclusive ?? false, color = tag?.color } = meaning
    if (tag !== undefined && tag.exclusive === exclusive && tag.color === color) return
    const scopes = state.artifacts.map((artifact) => holdersOf(state, artifact.name, name))
    const artifacts = state.artifacts.filter(({ tags }) => tags.includes(name))
    const crowded = artifacts.length > 1 || scopes.some(({ length }) => length > 1)
    const clashes = scopes.some(([holder]) =>
      versionsOf(state, holder?.of ?? "").some(({ label }) => label === name),
    )
    if (exclusive && tag?.exclusive === false && (crowded || clashes))
      refuse("NameTaken", { taken: name })
    this.#happen("tag-defined", [`tag ${name}`], { call }, (next) => {
      const { position: made, time } = next
      const defined = tagOf(next, name) ?? { name, made, time, exclusive, color }
      if (tag === undefined) next.tags.push(defined)
      Object.assign(defined, { exclusive, color })
      return []
    })
  }

  #change(call: Call, step: Change, of: Of): void {
    const { state } = this
    // A bare name means its latest version, which nobody deletes or holds by accident.
    const isOutright = ["delete", "hold", "release"].includes(step.does)
    if (isOutright && "text" in of && !of.text.includes("@")) refuse("InvalidReference")
    const meant = find(state, of, step.does === "untag")
    const { artifact, version } = meant
    const target = version ?? artifact
    const about = aboutOf(meant)
    checkExpect(state, step.expect, subjectOf(meant, "tags" in step ? step.tags : undefined))
    if (step.does === "tag") {
      if (version !== undefined) checkTags(state, artifact.name, step.tags)
      const added = without(step.tags, ...target.tags)
      if (added.length > 0) this.#putTags(call, of, added)
    } else if (step.does === "untag") {
      const removed = step.tags.filter((tag) => target.tags.includes(tag))
      const things = [...about, ...removed.map((tag) => `tag ${tag}`)]
      if (removed.length > 0)
        this.#happen("tags-removed", things, { call }, (next) => {
          const { artifact: owner, version: held } = find(next, of, true)
          if (held === undefined) owner.updated = next.time
          const from = held ?? owner
          from.tags = without(from.tags, ...removed)
          return []
        })
    } else if (step.does === "log") {
      if (Object.keys(step.values).length > 0) this.#log(call, of, step.values)
    } else if (step.does === "unlog") {
      const keys = step.keys.filter((key) => Object.hasOwn(target.metadata, key))
      const values = Object.fromEntries(keys.map((key) => [key, undefined]))
      if (keys.length > 0)
        this.#happen("metadata-removed", about, { call, values }, (next) => {
          const { artifact: owner, version: held } = find(next, of)
          const from = held ?? owner
          const left = Object.entries(from.metadata).filter(([key]) => !keys.includes(key))
          from.metadata = Object.fromEntries(left)
          if (held === undefined) owner.updated = next.time
          return []
        })
    } else if (step.does === "hold" || step.does === "release") {
      if ((version?.held === undefined) === (step.does === "hold")) this.#hold(call, step.does, of)
    } else {
      const owned = version === undefined ? versionsOf(state, artifact.name) : [version]
      const names = (list: ReadonlyArray<Version>) =>
        list.map(({ of: name, label }) => `${name}@${label}`).slice(0, candidateCountMax)
      const held = names(owned.filter((one) => one.held !== undefined))
      if (held.length > 0) refuse("InUse", { consumers: [], held })
      const users = step.force === true ? [] : consumersOf(state, meant)
      if (users.length > 0) refuse("InUse", { consumers: names(users), held: [] })
      this.#mark(call, meant, true)
    }
  }

  #hold(call: Call, does: "hold" | "release", of: Of): void {
    const type = does === "hold" ? "hold-placed" : "hold-released"
    this.#happen(type, aboutOf(find(this.state, of)), { call }, (next) => {
      const { version } = find(next, of)
      if (version === undefined) throw new Error("nothing to hold")
      version.held = does === "hold" ? markIn(next, call.actor) : undefined
      return []
    })
  }

  /** Deletes or restores. */
  #mark(call: Call, meant: Meant, deleted: boolean): void {
    const kind = meant.version === undefined ? "artifact" : "version"
    const type = `${kind}-${deleted ? "deleted" : "restored"}`
    this.#happen(type, aboutOf(meant), { call }, (next) => {
      const owner = artifactOf(next, meant.artifact.name)
      const version = next.versions.find(({ saved }) => saved === meant.version?.saved)
      const target = version ?? owner
      if (target === undefined || owner === undefined) throw new Error("nothing to mark")
      target.deleted = deleted ? markIn(next, call.actor) : undefined
      owner.updated = next.time
      return []
    })
  }

  #restore(call: Call, step: Step & { readonly does: "restore" }, of: Of): void {
    const { state } = this
    const [, selector] = "text" in of ? of.text.split("@") : ["", "by id"]
    if (selector === undefined || selector === "latest") refuse("InvalidReference")
    const isTag =
      "text" in of &&
      versionsOf(state, of.text.split("@")[0] ?? "").every(({ label }) => label !== selector)
    if (isTag) {
      const [name = ""] = of.text.split("@")
      if (artifactOf(state, name) === undefined) refuse("ArtifactMissing", { artifact: name })
      refuse("VersionMissing", { artifact: name, selector })
    }
    const meant = find(state, of, true)
    checkExpect(state, step.expect, subjectOf(meant))
    const { artifact, version } = meant
    if (version !== undefined && artifact.deleted)
      refuse("ArtifactMissing", { artifact: artifact.name })
    if (!(version ?? artifact).deleted) return
    // An artifact hides versions whose content may be gone.
    const gone = version === undefined ? artifact.swept : version
    if (gone?.swept !== undefined) refuseGone(gone, `content of ${gone.value}`)
    this.#mark(call, meant, false)
  }
}

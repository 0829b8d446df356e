/**
 * A recorder: gives facts their places, as the ledger's writer would, so that tests of projections,
 * commands and queries can begin with "given these events". Ids and times are the same in each run.
 *
 * It keeps by its own simple means what facts have to say of what was before: ordinals, holders of
 * tags. It decides nothing: facts that no command would allow are recorded all the same.
 */
import { digestOf } from "../model/digest.js"
import { encodeMetadata, type Metadata } from "../model/metadata.js"
import type { Id } from "../model/names.js"
import { type CoreEvents, type CoreRecorded, catalog, fact } from "./catalog.js"
import type { AnyEventType, Context, Fact, Recorded } from "./event.js"
import type { ArtifactRef, Tagging, TargetRef, VersionTarget } from "./subject.js"
import { targetIds } from "./subject.js"

type Saved = CoreEvents["version-saved"]

/** What a save may say; the rest is made up. */
export interface SaveFacts {
  readonly id?: string
  /** Default: the number of versions saved, this one included. */
  readonly label?: string
  readonly tags?: ReadonlyArray<string>
  readonly metadata?: Metadata
  readonly inputs?: ReadonlyArray<VersionTarget>
  /** Stands for the files: equal text, equal digest. Default: different each time. */
  readonly content?: string
  readonly saved?: Partial<Pick<Saved, "type" | "saveType" | "materializer" | "description">>
  readonly producer?: NonNullable<Saved["producer"]>
  /** Where it lies, of what was left in place. */
  readonly link?: NonNullable<Saved["content"]["link"]>
}

/** What an envelope may be told beside what the recorder puts there. */
export type Envelope = Partial<
  Pick<Recorded, "id" | "time" | "clock" | "idempotencyKey" | "request" | "step">
>

interface KnownTag {
  readonly id: Id
  readonly exclusive: boolean
  readonly holders: ReadonlyArray<TargetRef>
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

/** A valid id for a number from 0, the same each time; no two share their last six characters. */
export const testId = (number: number): Id => {
  let digits = ""
  // A multiplier without a common factor with 32^6 scatters neighbours and joins none.
  for (let rest = (number * 478_234_571) % 32 ** 6; rest > 0; rest = Math.floor(rest / 32))
    digits = (alphabet[rest % 32] ?? "") + digits
  return `01J0TEST00${"0".repeat(10)}${digits.padStart(6, "0")}` as Id
}

/** The recorded time of the event at a position, unless the envelope says otherwise. */
export const timeAt = (position: number): number => Date.UTC(2024, 0, 1) + position * 1_000

const isSame = (a: TargetRef, b: TargetRef): boolean =>
  a.artifact.id === b.artifact.id && a.version?.id === b.version?.id

const competes = (a: TargetRef, b: TargetRef): boolean =>
  a.version === undefined
    ? b.version === undefined
    : b.version !== undefined && a.artifact.id === b.artifact.id

export class Recorder {
  readonly events: Array<Recorded> = []
  /** Carried by the events that are recorded from here on. */
  context: Context = {}
  readonly #revisions: ReadonlyMap<string, number>
  readonly #last = new Map<string, number>()
  readonly #artifacts = new Map<string, { readonly ref: ArtifactRef; readonly saved: number }>()
  readonly #tags = new Map<string, KnownTag>()
  #ids = 0

  /** `types` are event types beside the ledger's own. */
  constructor(types: ReadonlyArray<AnyEventType> = []) {
    this.#revisions = new Map(
      [...catalog, ...types].map(({ type, revision }: AnyEventType) => [type, revision]),
    )
  }

  /** The position that the next event will have. */
  get position(): number {
    return this.events.length + 1
  }

  readonly id = (): Id => {
    this.#ids += 1
    return testId(this.#ids)
  }

  /** Records a fact of any type; one that is in no list has revision 1. */
  record<Type extends string>(
    { type, data, subjects }: Fact<Type, unknown>,
    envelope: Envelope = {},
  ): Recorded<Type> {
    const { position } = this
    const links = [...new Set(subjects)].map((id) => ({ id, previous: this.#last.get(id) ?? 0 }))
    const event: Recorded<Type> = {
      position,
      id: this.id(),
      type,
      revision: this.#revisions.get(type) ?? 1,
      time: timeAt(position),
      ...this.context,
      ...envelope,
      subjects: links,
      data,
    }
    for (const { id } of links) this.#last.set(id, position)
    this.events.push(event)
    this.#note(event as CoreRecorded)
    return event
  }

  #note(event: CoreRecorded): void {
    if (event.type === "version-saved") {
      const { artifact, version, tags } = event.data
      this.#artifacts.set(artifact.name, { ref: artifact, saved: version.ordinal })
      this.#give({ artifact, version }, tags)
    } else if (event.type === "tags-added") this.#give(event.data.target, event.data.tags)
    else if (event.type === "tags-removed")
      for (const { name } of event.data.tags) this.#take(name, event.data.target)
    else if (event.type === "tag-defined") {
      const { tag, exclusive } = event.data
      const holders = this.#tags.get(tag.name)?.holders ?? []
      this.#tags.set(tag.name, { id: tag.id, exclusive, holders })
    }
  }

  #give(target: TargetRef, taggings: ReadonlyArray<Tagging>): void {
    for (const { id, name, from } of taggings) {
      if (from !== undefined) this.#take(name, from)
      const { exclusive, holders } = this.#tags.get(name) ?? { exclusive: false, holders: [] }
      const others = holders.filter((holder) => !isSame(holder, target))
      this.#tags.set(name, { id, exclusive, holders: [...others, target] })
    }
  }

  #take(name: string, target: TargetRef): void {
    const tag = this.#tags.get(name)
    if (tag === undefined) return
    const holders = tag.holders.filter((holder) => !isSame(holder, target))
    this.#tags.set(name, { ...tag, holders })
  }

  #taggings(target: TargetRef, names: ReadonlyArray<string>): ReadonlyArray<Tagging> {
    return names.map((name) => {
      const tag = this.#tags.get(name)
      if (tag === undefined) return { id: this.id(), name, created: true }
      if (!tag.exclusive) return { id: tag.id, name }
      const from = tag.holders.find((holder) => competes(holder, target) && !isSame(holder, target))
      return { id: tag.id, name, exclusive: true, ...(from === undefined ? {} : { from }) }
    })
  }

  #target(target: string | TargetRef): TargetRef {
    return typeof target === "string" ? { artifact: this.artifact(target) } : target
  }

  /** The artifact of a name that was saved before, as events name it. */
  artifact(name: string): ArtifactRef {
    const known = this.#artifacts.get(name)
    if (known === undefined) throw new Error(`nothing was saved under ${name}`)
    return known.ref
  }

  /** The id of a tag that was named before. */
  tagId(name: string): Id {
    const known = this.#tags.get(name)
    if (known === undefined) throw new Error(`nothing was tagged ${name}`)
    return known.id
  }

  /** Saves the next version of an artifact, which is made when it is new. */
  save(name: string, facts: SaveFacts = {}, envelope: Envelope = {}): VersionTarget {
    const known = this.#artifacts.get(name)
    const ordinal = (known?.saved ?? 0) + 1
    const artifact = known?.ref ?? { id: this.id(), name, ordinal: this.#artifacts.size + 1 }
    const id = (facts.id as Id | undefined) ?? this.id()
    const target = { artifact, version: { id, label: facts.label ?? String(ordinal), ordinal } }
    const bytes = Buffer.from(facts.content ?? `${name} ${ordinal}`)
    const tags = this.#taggings(target, facts.tags ?? [])
    const data: Saved = {
      ...target,
      ...(known === undefined ? { created: true } : {}),
      type: "data",
      saveType: "manual",
      materializer: "text@1",
      ...facts.saved,
      content: {
        digest: digestOf(bytes),
        size: bytes.length,
        count: 1,
        ...(facts.link === undefined ? {} : { link: facts.link }),
      },
      tags,
      metadata: encodeMetadata(facts.metadata ?? {}, "metadata"),
      inputs: (facts.inputs ?? []).map((input) => ({
        id: input.version.id,
        artifactId: input.artifact.id,
      })),
      ...(facts.producer === undefined ? {} : { producer: facts.producer }),
    }
    this.record(fact("version-saved", data, subjectsOf(target, tags)), envelope)
    return target
  }

  /** A name means the artifact itself. */
  tag(target: string | TargetRef, ...names: ReadonlyArray<string>): void {
    const of = this.#target(target)
    const tags = this.#taggings(of, names)
    this.record(fact("tags-added", { target: of, tags }, subjectsOf(of, tags)))
  }

  untag(target: string | TargetRef, ...names: ReadonlyArray<string>): void {
    const of = this.#target(target)
    const tags = names.map((name) => ({ id: this.tagId(name), name }))
    const subjects = [...targetIds(of), ...tags.map(({ id }) => id)]
    this.record(fact("tags-removed", { target: of, tags }, subjects))
  }

  defineTag(name: string, meaning: Partial<Omit<CoreEvents["tag-defined"], "tag">> = {}): void {
    const known = this.#tags.get(name)
    const tag = { id: known?.id ?? this.id(), name }
    const created = known === undefined ? { created: true as const } : {}
    const exclusive = known?.exclusive ?? false
    this.record(fact("tag-defined", { tag, ...created, exclusive, ...meaning }, [tag.id]))
  }

  log(target: string | TargetRef, metadata: Metadata): void {
    const of = this.#target(target)
    const values = encodeMetadata(metadata, "metadata")
    this.record(fact("metadata-logged", { target: of, values }, targetIds(of)))
  }

  unlog(target: string | TargetRef, ...keys: ReadonlyArray<string>): void {
    const of = this.#target(target)
    this.record(fact("metadata-removed", { target: of, keys }, targetIds(of)))
  }

  delete(target: string | VersionTarget): void {
    if (typeof target === "string") {
      const artifact = this.artifact(target)
      this.record(fact("artifact-deleted", { artifact }, [artifact.id]))
    } else this.record(fact("version-deleted", { target }, targetIds(target)))
  }

  restore(target: string | VersionTarget, inputs: Saved["inputs"] = []): void {
    if (typeof target === "string") {
      const artifact = this.artifact(target)
      this.record(fact("artifact-restored", { artifact }, [artifact.id]))
    } else this.record(fact("version-restored", { target, inputs }, targetIds(target)))
  }

  hold(target: VersionTarget): void {
    this.record(fact("hold-placed", { target }, targetIds(target)))
  }

  observe(target: VersionTarget, found: Omit<CoreEvents["drift-observed"], "target">): void {
    this.record(fact("drift-observed", { target, ...found }, targetIds(target)))
  }

  release(target: VersionTarget): void {
    this.record(fact("hold-released", { target }, targetIds(target)))
  }

  sweep(...targets: ReadonlyArray<VersionTarget>): void {
    const versions = targets.map((target) => ({ ...target, digest: this.#digestOf(target) }))
    this.record(fact("content-swept", { versions }, targets.flatMap(targetIds)))
  }

  #digestOf({ version }: VersionTarget): Saved["content"]["digest"] {
    for (const event of this.events as ReadonlyArray<CoreRecorded>)
      if (event.type === "version-saved" && event.data.version.id === version.id)
        return event.data.content.digest
    throw new Error(`no version was saved with the id ${version.id}`)
  }
}

const subjectsOf = (target: TargetRef, tags: ReadonlyArray<Tagging>): ReadonlyArray<string> => [
  ...targetIds(target),
  ...tags.flatMap(({ id, from }) => (from === undefined ? [id] : [id, ...targetIds(from)])),
]

const recovery = {
  source: testId(1_000),
  recoveredAt: 1_709_024_400_000,
  lost: [{ from: 4, to: 7 }],
  leftOut: [{ position: 9, type: "tags-added", text: "its version is not there" }],
  altered: [{ position: 10, type: "version-saved", text: "an input is not there" }],
  contentLost: [{ digest: digestOf(Uint8Array.of(1)), artifact: "feed", version: "1" }],
}

/** A history in which every event of the ledger's own happens, by several actors. */
export const everyEvent = (): ReadonlyArray<Recorded> => {
  const recorder = new Recorder()
  const created = { ledger: testId(0), format: 1, hash: "sha256", chunking: {} } as const
  recorder.record(fact("ledger-created", created, []))
  recorder.record(fact("ledger-recovered", recovery, []))
  recorder.context = { actor: "ann" }
  const feed = recorder.save("feed", { tags: ["raw"], metadata: { rows: 7, day: new Date(0) } })
  recorder.defineTag("production", { exclusive: true, color: "green", description: "in use" })
  const first = recorder.save("churn", { inputs: [feed], tags: ["production"] })
  recorder.context = { actor: "ann", reason: "fairness review", correlationId: "review 1" }
  const second = recorder.save("churn", { inputs: [feed, first], label: "fair" })
  recorder.tag(second, "production", "raw")
  recorder.context = { actor: "bob" }
  recorder.tag("churn", "raw", "production")
  recorder.tag("feed", "production")
  recorder.untag("churn", "raw")
  recorder.untag(second, "raw")
  recorder.defineTag("raw", { color: "grey" })
  recorder.log(second, { accuracy: 0.9, note: "ok" })
  recorder.log("churn", { owner: "ann" })
  recorder.log("churn", { owner: "bob", since: 2_024 })
  recorder.unlog(second, "note")
  recorder.unlog("churn", "since")
  recorder.delete(second)
  recorder.delete(first)
  recorder.restore(first, [{ id: feed.version.id, artifactId: feed.artifact.id }])
  recorder.hold(feed)
  recorder.hold(first)
  recorder.release(feed)
  recorder.delete("feed")
  recorder.restore("feed")
  const linked = recorder.save("runs", { link: { root: "runs", path: "one" } })
  const entries = [{ path: "a", change: "content" as const }]
  recorder.observe(linked, { same: 2, changed: 1, missing: 0, extra: 0, entries })
  recorder.sweep(second)
  const key = { idempotencyKey: "once", request: digestOf(Buffer.from("request")) }
  recorder.save("churn", {}, key)
  const settled = { command: "tag", result: null }
  recorder.record(fact("request-settled", settled, []), { ...key, idempotencyKey: "twice" })
  return recorder.events
}

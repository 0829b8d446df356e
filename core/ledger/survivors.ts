/**
 * The events that are left of a ledger, taken one after the other into a new one: each is decided
 * again on the draft, request by request, and what cannot be taken over is noted with its reason.
 *
 * Plain functions on a draft. Positions are dense from 1; what comes before is not its business.
 */
import type { CoreRecorded } from "../event/catalog.js"
import type { Codec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import type { Note } from "../event/loss.js"
import { recordBytesMax } from "../limits.js"
import { subjects } from "../projection/subjects.js"
import type { Draft } from "../view/draft.js"
import { redecide } from "./redecide.js"

/** What an integer can take more, once it is that of another position. */
const positionGrowthMax = 8

export interface Survivor {
  /** With its links, at its new position. */
  readonly event: Recorded
  readonly body: Uint8Array
}

/** Those of one request that follow each other. */
interface Group {
  readonly events: Array<Recorded>
  /** The position of its first event, whether that is left or not. */
  readonly first: number
  readonly count: number
}

interface Tried {
  readonly layer: Draft
  readonly survivors: ReadonlyArray<Survivor>
  readonly leftOut: ReadonlyArray<Note>
  readonly altered: ReadonlyArray<Note>
}

const groupOf = ({ position, part }: Recorded): Omit<Group, "events"> =>
  part === undefined
    ? { first: position, count: 1 }
    : { first: position - part.index, count: part.count }

const noteOn = ({ position, type }: Recorded, text: string): Note => ({ position, type, text })

export class Survivors {
  readonly leftOut: Array<Note> = []
  readonly altered: Array<Note> = []
  /** Of the last event that was taken over. */
  position = 0
  readonly #codec: Codec
  readonly #fold: (draft: Draft, event: Recorded) => void
  #open: Group | undefined

  constructor(codec: Codec, fold: (draft: Draft, event: Recorded) => void) {
    this.#codec = codec
    this.#fold = fold
  }

  /** Takes the next events; answers with those of the requests that are complete by now. */
  take(draft: Draft, events: ReadonlyArray<Recorded>): ReadonlyArray<Survivor> {
    const survivors: Array<Survivor> = []
    for (const event of events) {
      // Each ledger has its own.
      if (event.type === "ledger-created") continue
      const { first, count } = groupOf(event)
      const open = this.#open
      if (open !== undefined && (open.first !== first || open.count !== count))
        survivors.push(...this.end(draft))
      this.#open ??= { events: [], first, count }
      this.#open.events.push(event)
      if (event.position === first + count - 1) survivors.push(...this.end(draft))
    }
    return survivors
  }

  /** What is left of the last request; nothing more will come of it. */
  end(draft: Draft): ReadonlyArray<Survivor> {
    const group = this.#open
    if (group === undefined) return []
    this.#open = undefined
    const isThere = group.events.length === group.count
    const whole = isThere ? this.#try(draft, group, true) : undefined
    // A retry is answered by all events of its request, so a part of them must not look like it.
    const isWhole = whole !== undefined && (whole.leftOut.length === 0 || group.count === 1)
    const tried = isWhole ? whole : this.#try(draft, group, false)
    draft.merge(tried.layer)
    this.position += tried.survivors.length
    this.leftOut.push(...tried.leftOut)
    this.altered.push(...tried.altered)
    return tried.survivors
  }

  #try(draft: Draft, group: Group, isWhole: boolean): Tried {
    const layer = draft.fork()
    const survivors: Array<Survivor> = []
    const leftOut: Array<Note> = []
    const altered: Array<Note> = []
    for (const event of group.events) {
      const alone = isWhole ? event : withoutRequest(event)
      const taken = this.#decide(layer, alone, this.position + survivors.length + 1)
      if (typeof taken === "string") {
        leftOut.push(noteOn(event, taken))
        continue
      }
      const { survivor, texts } = taken
      survivors.push(survivor)
      if (!isWhole)
        texts.push(`the other events of its request are not there: it was one of ${group.count}`)
      if (texts.length > 0) altered.push(noteOn(event, texts.join("; ")))
    }
    return { layer, survivors, leftOut, altered }
  }

  /** Decides, records and folds one event; or says why it is left out. */
  #decide(draft: Draft, event: Recorded, position: number) {
    const isOwn = this.#codec.typeOf(event.type) === undefined
    const decided = isOwn
      ? { fact: { ...event, subjects: event.subjects.map(({ id }) => id) } }
      : redecide(event as CoreRecorded, draft, { position, time: event.time })
    if ("refused" in decided) return decided.refused
    const { data, subjects: about } = decided.fact
    const last = draft.view(subjects)
    const links = [...new Set(about)].map((id) => ({ id, previous: last.get(["last", id]) ?? 0 }))
    const revision = this.#codec.typeOf(event.type)?.revision ?? event.revision
    const recorded: Recorded = { ...event, revision, position, subjects: links, data }
    const body = this.#codec.encode(recorded)
    if (body.length + (links.length + 1) * positionGrowthMax > recordBytesMax)
      return `with other positions in it, it does not fit a record of ${recordBytesMax} bytes`
    this.#fold(draft, recorded)
    const texts: Array<string> = []
    if ("altered" in decided && decided.altered !== undefined) texts.push(decided.altered)
    return { survivor: { event: recorded, body }, texts }
  }
}

const withoutRequest = (event: Recorded): Recorded => {
  const { idempotencyKey, request, step, part, ...rest } = event
  return rest
}

/** The same event where everything lies so much further back. */
export const movedBack = (event: Recorded, by: number): Recorded => ({
  ...event,
  position: event.position + by,
  subjects: event.subjects.map(({ id, previous }) => ({
    id,
    previous: previous === 0 ? 0 : previous + by,
  })),
})

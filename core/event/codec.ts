/**
 * Recorded events to record bodies and back. A body is one canonical MessagePack map with the
 * position and the id inside: each record carries its own position. Sizes are checked elsewhere.
 *
 * Older revisions are upcast here. Data of a type or a revision that is unknown stays as it is.
 */
import { type Digest, fromDigest, toDigest } from "../model/digest.js"
import { type Plain, pack, unpack } from "../model/msgpack.js"
import type { AnyEventType, EventType, Recorded, Subject } from "./event.js"

type PlainMap = { readonly [key: string]: Plain | undefined }

// The one place where data of any type is taken as that of its own type.
type OpenEventType = EventType<string, Plain>

/** Encodes and decodes events of the types it was made with. */
export interface Codec {
  readonly encode: (event: Recorded) => Uint8Array
  /** Throws when the body is not a record of this form; the caller names the position. */
  readonly decode: (body: Uint8Array) => Recorded
  readonly typeOf: (type: string) => OpenEventType | undefined
  /**
   * Made by a newer release of the ledger, or of the caller's program: of a later revision than is
   * known, or of a type that is unknown and no caller's, since those have a slash in their names.
   */
  readonly isNewer: (event: Pick<Recorded, "type" | "revision">) => boolean
}

const encodeSubject = ({ id, previous }: Subject): Plain => [id, previous]

const decodeSubject = (plain: Plain): Subject => {
  const [id, previous] = plain as ReadonlyArray<Plain>
  if (typeof id !== "string" || typeof previous !== "number")
    throw new Error("a subject of the record has no id or position")
  return { id, previous }
}

const upcast = (type: OpenEventType, revision: number, data: Plain): Plain => {
  let current = data
  for (let from = revision; from < type.revision; from += 1) {
    const step = type.upcasts?.[from]
    if (step === undefined) throw new Error(`${type.type} has no upcast from revision ${from}`)
    current = step(current)
  }
  return current
}

const decodePart = (plain: Plain): NonNullable<Recorded["part"]> => {
  const [index, count] = plain as ReadonlyArray<Plain>
  if (typeof index !== "number" || typeof count !== "number")
    throw new Error("the record does not say which part of its request it is")
  return { index, count }
}

const texts = ["actor", "reason", "correlationId", "causationId", "idempotencyKey"] as const

// Filled member by member: a literal of many spreads takes several times as long, event by event.
type Draft<T> = { -readonly [K in keyof T]: T[K] }

/** With its data as it is in the record. */
const decodeEnvelope = (map: PlainMap): Draft<Recorded> => {
  const { position, id, type, revision, time, clock, request, step, part, subjects } = map
  if (typeof position !== "number" || typeof id !== "string" || typeof type !== "string")
    throw new Error("the record has no position, id or type")
  if (typeof revision !== "number" || typeof time !== "number" || !Array.isArray(subjects))
    throw new Error("the record has no revision, time or subjects")
  const decoded = subjects.map(decodeSubject)
  const data = map.data ?? null
  const event: Draft<Recorded> = { position, id, type, revision, time, subjects: decoded, data }
  if (typeof clock === "number") event.clock = clock
  for (const key of texts) {
    const text = map[key]
    if (typeof text === "string") event[key] = text
  }
  if (request instanceof Uint8Array) event.request = toDigest(request)
  if (typeof step === "number") event.step = step
  if (part !== undefined) event.part = decodePart(part)
  return event
}

/** A codec that knows these event types. Two of one name are a defect. */
export const makeCodec = (types: ReadonlyArray<AnyEventType>): Codec => {
  const known = new Map<string, OpenEventType>()
  for (const type of types) {
    if (known.has(type.type)) throw new Error(`two event types are named ${type.type}`)
    known.set(type.type, type as unknown as OpenEventType)
  }

  const isNewer: Codec["isNewer"] = ({ type, revision }) => {
    const found = known.get(type)
    return found === undefined ? !type.includes("/") : revision > found.revision
  }

  /** A newer revision than this program knows is as unknown as an unknown type. */
  const understood = (event: Pick<Recorded, "type" | "revision">): OpenEventType | undefined =>
    isNewer(event) ? undefined : known.get(event.type)

  const encode = (event: Recorded): Uint8Array => {
    const { data, request, part } = event
    const wire = understood(event)?.wire
    // In the order of the record, so that nothing has to be sorted.
    return pack({
      actor: event.actor,
      causationId: event.causationId,
      clock: event.clock,
      correlationId: event.correlationId,
      data: wire === undefined ? (data as Plain) : wire.encode(data as Plain),
      id: event.id,
      idempotencyKey: event.idempotencyKey,
      part: part === undefined ? undefined : [part.index, part.count],
      position: event.position,
      reason: event.reason,
      request: request === undefined ? undefined : fromDigest(request as Digest),
      revision: event.revision,
      step: event.step,
      subjects: event.subjects.map(encodeSubject),
      time: event.time,
      type: event.type,
    })
  }

  const decode = (body: Uint8Array): Recorded => {
    const event = decodeEnvelope(unpack(body) as PlainMap)
    const type = understood(event)
    if (type === undefined) return event
    const data = upcast(type, event.revision, event.data as Plain)
    event.data = type.wire === undefined ? data : type.wire.decode(data)
    return event
  }

  return { encode, decode, typeOf: (type) => known.get(type), isNewer }
}

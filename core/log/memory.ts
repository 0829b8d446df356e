/**
 * The memory driver of the log: for tests and scratch ledgers, with points at which it can be told
 * to fail as a disk would.
 *
 * Durability means nothing here. What a crash leaves is the array of records, which a test keeps
 * and hands to the next layer; a hole made in it is reported as damage.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LogFailure } from "../errors.js"
import { memoryBytesMaxDefault } from "../limits.js"
import { type Durability, EventLog, type EventLogShape, type LogRecord } from "./event-log.js"
import { checkBodies, conflict, corrupted, isCovered, lastCovered, stopped } from "./rules.js"

/**
 * Consulted before and after every operation; a failure that it returns is what the caller gets.
 * `before`: nothing was done. `after`: it was done; an append of outcome `unknown` then shows only
 * after reopening.
 */
export type Failpoint = (
  operation: "append" | "read" | "get" | "flush",
  phase: "before" | "after",
) => LogFailure | undefined

export interface MemoryLogOptions {
  /** What it says of itself; default `buffered`, since nothing in memory survives. */
  readonly durability?: Durability
  /** Of all bodies together; an append beyond it fails with reason `full`. */
  readonly bytesMax?: number
  readonly failpoint?: Failpoint
  /** The store: record 1 first. Outlives the layer, so that a test can crash and reopen. */
  readonly records?: Array<Uint8Array>
}

const bytesOf = (bodies: ReadonlyArray<Uint8Array>): number =>
  bodies.reduce((sum, { length }) => sum + length, 0)

const full = (bytesMax: number): LogFailure =>
  new LogFailure({
    message: `the log in memory would pass ${bytesMax} bytes: allow it more, or keep it on disk`,
    operation: "append",
    reason: "full",
    outcome: "none",
  })

// Not `slice`: a Buffer's gives a view of the same bytes.
const copied = (body: Uint8Array): Uint8Array => new Uint8Array(body)

/** The stored record as the reader's own; undefined where there is none. */
const recordAt = (records: ReadonlyArray<Uint8Array>, position: number): LogRecord | undefined => {
  const body = records[position - 1]
  return body === undefined ? undefined : { position, body: copied(body) }
}

const readRange = (records: ReadonlyArray<Uint8Array>, after: number, last: number) => {
  const found: Array<LogRecord> = []
  for (let position = after + 1; position <= last; position += 1) {
    const record = recordAt(records, position)
    if (record === undefined) {
      let to = position
      while (to < last && records[to] === undefined) to += 1
      return Effect.fail(corrupted(position, to))
    }
    found.push(record)
  }
  return Effect.succeed(found)
}

const getEach = (
  records: ReadonlyArray<Uint8Array>,
  positions: ReadonlyArray<number>,
  head: number,
) => {
  const found: Array<LogRecord> = []
  for (const position of positions) {
    const record = isCovered(position, head) ? recordAt(records, position) : undefined
    if (record === undefined) return Effect.fail(corrupted(position, position))
    found.push(record)
  }
  return Effect.succeed(found)
}

const make = (options: MemoryLogOptions): EventLogShape => {
  const { bytesMax = memoryBytesMaxDefault, failpoint, records = [] } = options
  let head = records.length
  let bytes = bytesOf(records)
  let isStopped = false

  const failAt: Failpoint = (operation, phase) => {
    const failure = failpoint?.(operation, phase)
    if (failure?.outcome === "unknown") isStopped = true
    return failure
  }

  const guarded = <A, E>(operation: "read" | "get" | "flush", run: () => Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | LogFailure> => {
      const before = failAt(operation, "before")
      if (before !== undefined) return Effect.fail(before)
      const answer = run()
      const after = failAt(operation, "after")
      return after === undefined ? answer : Effect.fail(after)
    })

  const store = (after: number, bodies: ReadonlyArray<Uint8Array>) => {
    const before = failAt("append", "before")
    if (before !== undefined) return Effect.fail(before)
    for (const body of bodies) records.push(copied(body))
    bytes += bytesOf(bodies)
    const failure = failAt("append", "after")
    if (failure?.outcome !== "unknown") head = after + bodies.length
    return failure === undefined ? Effect.void : Effect.fail(failure)
  }

  return {
    durability: options.durability ?? "buffered",
    head: Effect.sync(() => head),
    append: (after, bodies) =>
      Effect.suspend(() => {
        checkBodies(bodies)
        if (isStopped) return Effect.fail(stopped())
        if (after !== head) return Effect.fail(conflict(after, head))
        if (bodies.length === 0) return Effect.void
        return bytes + bytesOf(bodies) > bytesMax
          ? Effect.fail(full(bytesMax))
          : store(after, bodies)
      }),
    read: (after, countMax) =>
      guarded("read", () => readRange(records, after, lastCovered(after, countMax, head))),
    get: (positions) => guarded("get", () => getEach(records, positions, head)),
    flush: guarded("flush", () => Effect.void),
  }
}

/** A log over the records given; opening it cannot fail. */
export const layerWith = (options: MemoryLogOptions): Layer.Layer<EventLog> =>
  Layer.effect(
    EventLog,
    Effect.sync(() => make(options)),
  )

/** An empty log within the default bound, forgotten with its scope. */
export const layer: Layer.Layer<EventLog> = layerWith({})

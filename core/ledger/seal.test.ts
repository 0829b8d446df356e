import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { LogFailure } from "../errors.js"
import { sealEventCount } from "../limits.js"
import type { EventLogShape } from "../log/event-log.js"
import { appendLeaf, type Edge, emptyEdge, leafHash } from "../proof/merkle.js"
import { Sealer } from "./seal.js"

const failure = new LogFailure({
  message: "the disk failed",
  operation: "seal",
  reason: "io",
  outcome: "none",
})

const body = (number: number) => Buffer.from(String(number))
const bodies = (count: number) => Array.from({ length: count }, (_, index) => body(index))

const edgeOf = (count: number): Edge =>
  bodies(count).reduce<Edge>((edge, each) => appendLeaf(edge, leafHash(each)), emptyEdge)

/** A sealer that writes down what it does, and fails where it is told to. */
const observed = (sealed = 0) => {
  const done: Array<string> = []
  const failing = new Set<string>()
  const act = (name: string, more = "") =>
    Effect.suspend(() => {
      done.push(name + more)
      return failing.has(name) ? Effect.fail(failure) : Effect.void
    })
  const log: EventLogShape = {
    head: Effect.die("not asked for"),
    append: () => Effect.die("not asked for"),
    read: () => Effect.die("not asked for"),
    get: () => Effect.die("not asked for"),
    flush: act("flush"),
  }
  const write = (edge: Edge) => act("write", ` ${edge.size}`)
  return { done, failing, sealer: new Sealer(log, write, edgeOf(sealed), sealed) }
}

const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)

describe("the sealer", () => {
  it("carries the edge of the tree along, append by append", async () => {
    const { sealer, done } = observed()
    await run(sealer.appended(bodies(3)))
    await run(sealer.appended([]))
    expect(sealer.edge).toEqual(edgeOf(3))
    expect(done).toEqual([])
  })

  it("makes the log durable before it writes the seal", async () => {
    const { sealer, done } = observed()
    await run(sealer.appended(bodies(3)))
    await run(sealer.seal())
    expect(done).toEqual(["flush", "write 3"])
  })

  it("writes nothing where nothing is new", async () => {
    const { sealer, done } = observed(5)
    await run(sealer.seal())
    await run(sealer.appended([body(5)]))
    await run(sealer.seal())
    await run(sealer.seal())
    expect(done).toEqual(["flush", "write 6"])
  })

  it("seals by itself once enough has come together, and then begins to count anew", async () => {
    const { sealer, done } = observed()
    await run(sealer.appended(bodies(sealEventCount - 1)))
    expect(done).toEqual([])
    await run(sealer.appended([body(0)]))
    await run(sealer.appended([body(1)]))
    expect(done).toEqual(["flush", `write ${sealEventCount}`])
  })

  it("never seals what could not be made durable, and says so", async () => {
    const { sealer, done, failing } = observed()
    failing.add("flush")
    await run(sealer.appended([body(0)]))
    expect(await run(Effect.flip(sealer.seal()))).toBe(failure)
    expect(done).toEqual(["flush"])
    failing.clear()
    await run(sealer.seal())
    expect(done).toEqual(["flush", "flush", "write 1"])
  })

  it("lets no append fail because a seal did, and tries again with the next", async () => {
    const { sealer, done, failing } = observed()
    failing.add("write")
    await run(sealer.appended(bodies(sealEventCount)))
    failing.clear()
    await run(sealer.appended([body(0)]))
    const all = [sealEventCount, sealEventCount + 1]
    expect(done).toEqual(all.flatMap((size) => ["flush", `write ${size}`]))
  })
})

import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { BlobFailure, LogFailure } from "../errors.js"
import { sealEventCount } from "../limits.js"
import { appendLeaf, type Edge, emptyEdge, leafHash } from "../proof/merkle.js"
import { Sealer } from "./seal.js"

const fields = { message: "the disk failed", reason: "io", outcome: "none" } as const
const [contents, events] = [
  new BlobFailure({ ...fields, operation: "flush" }),
  new LogFailure({ ...fields, operation: "flush" }),
]

const body = (number: number) => Buffer.from(String(number))
const bodies = (count: number) => Array.from({ length: count }, (_, index) => body(index))

const edgeOf = (count: number): Edge =>
  bodies(count).reduce<Edge>((edge, each) => appendLeaf(edge, leafHash(each)), emptyEdge)

/** A sealer that writes down what it does, and fails where it is told to. */
const observed = (sealed = 0) => {
  const done: Array<string> = []
  const failing = new Set<string>()
  const act = <E>(name: string, failure: E, more = "") =>
    Effect.suspend(() => {
      done.push(name + more)
      return failing.has(name) ? Effect.fail(failure) : Effect.void
    })
  const flushed = {
    blobs: { flush: act("contents", contents) },
    log: { flush: act("events", events) },
    views: { persist: Effect.void },
  }
  const write = (edge: Edge) => act("write", events, ` ${edge.size}`)
  return { done, failing, sealer: new Sealer(flushed, write, edgeOf(sealed), sealed) }
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

  it("makes contents and events durable before it writes the seal", async () => {
    const { sealer, done } = observed()
    await run(sealer.appended(bodies(3)))
    await run(sealer.seal())
    expect(done).toEqual(["contents", "events", "write 3"])
  })

  it("writes nothing where nothing is new", async () => {
    const { sealer, done } = observed(5)
    await run(sealer.seal())
    await run(sealer.appended([body(5)]))
    await run(sealer.seal())
    await run(sealer.seal())
    expect(done).toEqual(["contents", "events", "write 6"])
  })

  it("seals by itself once enough has come together, and then begins to count anew", async () => {
    const { sealer, done } = observed()
    await run(sealer.appended(bodies(sealEventCount - 1)))
    expect(done).toEqual([])
    await run(sealer.appended([body(0)]))
    await run(sealer.appended([body(1)]))
    expect(done).toEqual(["contents", "events", `write ${sealEventCount}`])
  })

  it.each([
    ["contents", contents, ["contents"]],
    ["events", events, ["contents", "events"]],
  ])("never seals %s that could not be made durable", async (what, failure, before) => {
    const { sealer, done, failing } = observed()
    failing.add(what)
    await run(sealer.appended([body(0)]))
    expect(await run(Effect.flip(sealer.seal()))).toBe(failure)
    expect(done).toEqual(before)
    failing.clear()
    await run(sealer.seal())
    expect(done).toEqual([...before, "contents", "events", "write 1"])
  })

  it("lets no append fail because a seal did, and tries again after as many", async () => {
    const { sealer, done, failing } = observed()
    failing.add("write")
    await run(sealer.appended(bodies(sealEventCount)))
    failing.clear()
    await run(sealer.appended(bodies(sealEventCount - 1)))
    await run(sealer.appended([body(0)]))
    const all = [sealEventCount, 2 * sealEventCount]
    expect(done).toEqual(all.flatMap((size) => ["contents", "events", `write ${size}`]))
  })
})

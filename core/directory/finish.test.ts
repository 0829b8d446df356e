/**
 * Pages that become manifests: a long directory comes to the same as any other, page by page.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { emptyManifestDigest } from "../model/tree.js"
import { finish, finishLong, type Pages } from "./finish.js"
import type { Page } from "./scanned.js"

const page = (name: string): Page => ({
  manifest: Buffer.from(`entries of ${name}, `),
  states: Buffer.from(`states of ${name}, `),
  size: 5,
  count: 20,
  directories: 1,
  entries: undefined,
  held: [Buffer.from(`held of ${name}`)],
})

/** What is given away, as text. */
const keep = () => {
  const given: Array<string> = []
  const manifest = (parts: ReadonlyArray<Uint8Array>) =>
    Effect.sync(() => {
      const bytes = Buffer.concat(parts)
      given.push(bytes.toString())
      return digestOf(bytes)
    })
  const longManifest = <F>(parts: Stream.Stream<Uint8Array, F>) =>
    Effect.flatMap(Stream.runCollect(parts), (all) => manifest([...all]))
  return { given, sink: { manifest, longManifest } }
}

const waiting = (all: ReadonlyArray<Effect.Effect<Page, string>>) =>
  Effect.forEach(all, (one) => Effect.forkDetach(one))

const long = Effect.fnUntraced(function* (all: ReadonlyArray<Effect.Effect<Page, string>>) {
  const { given, sink } = keep()
  const pages: Pages<string> = yield* Queue.unbounded<Fiber.Fiber<Page, string>, Cause.Done>()
  for (const fiber of yield* waiting(all)) yield* Queue.offer(pages, fiber)
  yield* Queue.end(pages)
  return { given, found: yield* finishLong(pages, sink) }
})

describe("pages of a directory", () => {
  it("come to the same in one go and as they come", async () => {
    const names = ["a", "b", "c", "d"]
    const all = names.map((name) => Effect.delay(Effect.succeed(page(name)), 1))
    const { given, sink } = keep()
    const found = await Effect.runPromise(
      Effect.flatMap(waiting(all), (fibers) => finish(fibers, sink)),
    )
    const whole = names.map((name) => `entries of ${name}, `).join("")
    expect(found).toMatchObject({ size: 20, count: 80, directories: 4, entries: undefined })
    expect(found.digest).toBe(digestOf(Buffer.from(whole)))
    const other = await Effect.runPromise(long(all))
    expect(other.found).toEqual(found)
    expect(other.given.toSorted()).toEqual(given.toSorted())
  })

  it("are none where nothing is in it", async () => {
    expect(await Effect.runPromise(finish([], keep().sink))).toEqual({
      size: 0,
      count: 0,
      directories: 0,
      digest: emptyManifestDigest,
      states: undefined,
      entries: [],
      held: [],
    })
  })

  it("fail with the first that fails", async () => {
    const all = [Effect.succeed(page("a")), Effect.fail("no"), Effect.never]
    const exit = await Effect.runPromiseExit(long(all))
    expect(exit._tag === "Failure" && Cause.squash(exit.cause)).toBe("no")
  })
})

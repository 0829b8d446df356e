/**
 * From the pages of a directory to its manifests, of content and of states.
 *
 * Those of a long directory go into them as they come, so that no more than a few of them lie in
 * memory. Reads nothing, and does not know where manifests go.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { treeInlineCountMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { emptyManifestDigest } from "../model/tree.js"
import type { Page, Scanned } from "./scanned.js"
import type { ScanSink } from "./sink.js"

type Totals = Pick<Scanned, "size" | "count" | "directories">

const add = (one: Totals, other: Totals): Totals => ({
  size: one.size + other.size,
  count: one.count + other.count,
  directories: one.directories + other.directories,
})

const none: Totals = { size: 0, count: 0, directories: 0 }

/** A directory of these pages, when its manifests are given away, or held where it is small. */
export const finish = Effect.fnUntraced(function* <E, F>(
  waiting: ReadonlyArray<Fiber.Fiber<Page, F>>,
  sink: Pick<ScanSink<E>, "manifest">,
): Effect.fn.Return<Scanned, E | F> {
  const pages: Array<Page> = []
  for (const fiber of waiting) pages.push(yield* Fiber.join(fiber))
  const totals = pages.reduce(add, none)
  if (pages.length === 0)
    return { ...totals, digest: emptyManifestDigest, states: undefined, entries: [], held: [] }
  const manifest = pages.map((page) => page.manifest)
  const states = yield* sink.manifest(pages.map((page) => page.states))
  const held = pages.flatMap((page) => page.held)
  // A tree of few entries lies in its event, and needs no manifests.
  if (totals.count <= treeInlineCountMax) {
    const bytes = Buffer.concat(manifest)
    const entries = pages.flatMap((page) => page.entries ?? [])
    return { ...totals, digest: digestOf(bytes), states, entries, held: [...held, bytes] }
  }
  for (const bytes of held) yield* sink.manifest([bytes])
  const digest = yield* sink.manifest(manifest)
  return { ...totals, digest, states, entries: undefined, held: [] }
})

/** Pages on their way, in their order. */
export type Pages<E> = Queue.Queue<Fiber.Fiber<Page, E>, Cause.Done>

/** As `finish`, of more entries than any tree has that lies in its event. */
export const finishLong = Effect.fnUntraced(function* <E, F>(
  waiting: Pages<F>,
  sink: Pick<ScanSink<E>, "manifest" | "longManifest">,
): Effect.fn.Return<Scanned, E | F> {
  const manifest = yield* Queue.bounded<Uint8Array, Cause.Done>(1)
  const states = yield* Queue.bounded<Uint8Array, Cause.Done>(1)
  let totals = none
  const pass = Effect.fnUntraced(function* (fiber: Fiber.Fiber<Page, F>) {
    const page = yield* Fiber.join(fiber)
    totals = add(totals, page)
    for (const bytes of page.held) yield* sink.manifest([bytes])
    yield* Queue.offer(manifest, page.manifest)
    yield* Queue.offer(states, page.states)
  })
  const passing = Stream.runForEach(Stream.fromQueue(waiting), pass)
  const ending = Effect.andThen(Queue.end(manifest), Queue.end(states))
  const [digest, statesDigest] = yield* Effect.all(
    [
      sink.longManifest(Stream.fromQueue(manifest)),
      sink.longManifest(Stream.fromQueue(states)),
      Effect.andThen(passing, ending),
    ],
    { concurrency: "unbounded" },
  )
  return { ...totals, digest, states: statesDigest, entries: undefined, held: [] }
})

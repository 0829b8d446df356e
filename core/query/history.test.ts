/**
 * History and replay: the events about one thing, and all of them through filters.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { fact } from "../event/catalog.js"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import { replayPageCount } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { type Events, history, type ReplayQuery, replay } from "./history.js"
import { momentsOf } from "./moment.contract.js"

const stores = Layer.mergeAll(logLayer, viewLayer)
const recorder = new Recorder()
recorder.save("feed")
recorder.context = { actor: "ann", correlationId: "review" }
const one = recorder.save("churn", { tags: ["raw"] })
recorder.defineTag("production", { exclusive: true })
recorder.tag(one, "production")
recorder.context = { actor: "bob" }
const two = recorder.save("churn", { label: "best" })
recorder.tag(two, "production")
recorder.log("churn", { owner: "ann" })
recorder.delete(two)
recorder.untag(one, "raw")
recorder.context = {}
recorder.delete("feed")
recorder.record({ type: "roof-closed", data: { by: 7 }, subjects: [one.version.id] })
recorder.record(fact("request-settled", { command: "tag", result: null }, []))

const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

const positions = (events: Events) => {
  const told = Stream.map(events, ({ position }) => position)
  return Effect.runPromise(Effect.catch(Stream.runCollect(told), (error) => Effect.succeed(error)))
}

const about = (target: unknown, position?: number) => positions(history(at(position), target))
const replayed = (query: unknown, position?: number) =>
  positions(replay(at(position), query as ReplayQuery))

const all = recorder.events.map(({ position }) => position)

describe("the history of", () => {
  it.each<[string, unknown, ReadonlyArray<number>]>([
    ["a version", "churn@1", [2, 4, 6, 9, 11]],
    ["a version by its id", one.version.id, [2, 4, 6, 9, 11]],
    ["a version by the end of its id", one.version.id.slice(-8), [2, 4, 6, 9, 11]],
    ["the latest version", "churn", [2, 4, 6, 9, 11]],
    ["a deleted version", "churn@best", [5, 6, 8]],
    ["a deleted version by its id", { id: two.version.id }, [5, 6, 8]],
    ["an artifact, its versions included", { artifact: "churn" }, [2, 4, 5, 6, 7, 8, 9]],
    ["a deleted artifact", { artifact: "feed" }, [1, 10]],
    ["a version of a deleted artifact", "feed@1", [1]],
    ["the latest version of a deleted artifact", "feed", [1]],
    ["the latest version of a deleted artifact by name", { name: "feed" }, [1]],
    ["a plain tag", { tag: "raw" }, [2, 9]],
    ["an exclusive tag", { tag: "production" }, [3, 4, 6]],
  ])("%s is told in order", async (_, target, told) => {
    expect(await about(target)).toEqual(told)
  })

  it("a thing ends at the moment", async () => {
    expect(await about("churn@1", 4)).toEqual([2, 4])
    expect(await about("churn", 5)).toEqual([5])
    expect(await about({ tag: "production" }, 3)).toEqual([3])
  })

  it("a deleted artifact is that of what its names meant when it was deleted", async () => {
    const gone = new Recorder()
    const [first, second] = [gone.save("model", { label: "a" }), gone.save("model")]
    gone.defineTag("production", { exclusive: true })
    gone.tag(first, "production")
    gone.delete(gone.save("model", { label: "c" }))
    gone.delete("model")
    const moments = await Effect.runPromise(Effect.provide(momentsOf(gone.events), stores))
    const told = (target: unknown) => positions(history(moments.at(), target))
    expect(await told("model")).toEqual(await told(second.version.id))
    expect(await told("model@latest")).toEqual([2])
    expect(await told("model@production")).toEqual([1, 4])
    expect(await told("model@c")).toEqual([5, 6])
    expect(await told("model@d")).toMatchObject({ _tag: "VersionMissing", selector: "d" })
  })

  it("the holder of an exclusive tag is that of whoever holds it then", async () => {
    expect(await about("churn@production", 4)).toEqual([2, 4])
    expect(await about("churn@production", 6)).toEqual([5, 6])
    expect(await about("churn@production")).toMatchObject({ _tag: "VersionMissing" })
  })

  it.each<[unknown, object]>([
    ["chrn", { _tag: "ArtifactMissing", artifact: "chrn" }],
    ["churn@9", { _tag: "VersionMissing", selector: "9" }],
    [{ artifact: "chrn" }, { _tag: "ArtifactMissing" }],
    [{ tag: "never" }, { _tag: "TagMissing", tag: "never" }],
    ["churn@raw", { _tag: "InvalidReference" }],
    [7, { _tag: "InvalidReference" }],
    [undefined, { _tag: "InvalidReference" }],
  ])("%j is refused", async (target, refusal) => {
    expect(await about(target)).toMatchObject(refusal)
  })

  it("what did not exist yet is refused", async () => {
    expect(await about({ artifact: "churn" }, 1)).toMatchObject({ _tag: "ArtifactMissing" })
    expect(await about({ tag: "raw" }, 1)).toMatchObject({ _tag: "TagMissing" })
  })
})

describe("replay", () => {
  it("tells everything when nothing is asked for, and unknown events as they are", async () => {
    expect(await replayed(undefined)).toEqual(all)
    const events = await Effect.runPromise(Stream.runCollect(replay(at(), {})))
    expect(events).toEqual(recorder.events)
    expect(events[10]).toMatchObject({ type: "roof-closed", data: { by: 7 } })
  })

  it.each<[ReplayQuery, ReadonlyArray<number>]>([
    [{ after: 3 }, all.slice(3)],
    [{ after: 0, upTo: 2 }, [1, 2]],
    [{ after: 4, upTo: 6 }, [5, 6]],
    [{ after: 6, upTo: 6 }, []],
    [{ after: 7, upTo: 3 }, []],
    [{ after: 99 }, []],
    [{ types: ["tags-added", "roof-closed"] }, [4, 6, 11]],
    [{ types: [] }, []],
    [{ types: ["no-such-type"] }, []],
    [{ actor: "bob" }, [5, 6, 7, 8, 9]],
    [{ correlationId: "review" }, [2, 3, 4]],
    [{ tag: "production" }, [3, 4, 6]],
    [{ target: "churn@1" }, [2, 4, 6, 9, 11]],
    [{ target: { artifact: "churn" }, tag: "production" }, [4, 6]],
    [{ target: { tag: "raw" }, tag: "production" }, []],
    [{ target: "churn@1", actor: "bob", after: 6 }, [9]],
    [{ tag: "production", types: ["tags-added"], upTo: 5 }, [4]],
    [{ time: { after: new Date(timeAt(3)) } }, all.slice(3)],
    [{ time: { before: new Date(timeAt(3)) } }, [1, 2]],
    [{ time: { after: new Date(timeAt(3)), before: new Date(timeAt(6)) } }, [4, 5]],
    [{ time: {} }, all],
  ])("of %j is what passes all filters", async (query, told) => {
    expect(await replayed(query)).toEqual(told)
  })

  it("takes a signal, which filters nothing", async () => {
    const { signal } = new AbortController()
    expect(await replayed({ upTo: 2, signal })).toEqual([1, 2])
    expect(await positions(history(at(), "churn@1", { signal }))).toEqual(await about("churn@1"))
    for (const [options, path] of [
      [{ signal: "SIGTERM" }, "options.signal"],
      [{ singal: signal }, "options.singal"],
    ] as const)
      expect(await positions(history(at(), "churn@1", options))).toMatchObject({ path })
  })

  it("ends at the moment", async () => {
    expect(await replayed({}, 3)).toEqual([1, 2, 3])
    expect(await replayed({}, 0)).toEqual([])
    expect(await replayed({ tag: "production" }, 4)).toEqual([3, 4])
  })

  it.each<[unknown, object]>([
    [{ upTo: 13 }, { path: "query.upTo" }],
    [{ after: -1 }, { path: "query.after" }],
    [{ after: 0.5 }, { path: "query.after" }],
    [{ type: "tags-added" }, { path: "query.type" }],
    [{ types: "tags-added" }, { path: "query.types" }],
    [{ types: [7] }, { path: "query.types[0]" }],
    [{ actor: 7 }, { path: "query.actor" }],
    [{ time: { since: new Date() } }, { path: "query.time.since" }],
    [{ time: { after: "yesterday" } }, { path: "query.time.after" }],
    [{ time: { before: new Date(Number.NaN) } }, { path: "query.time.before" }],
    [[], { path: "query" }],
    [{ target: "chrn" }, { _tag: "ArtifactMissing" }],
    [{ target: 7 }, { _tag: "InvalidReference" }],
    [{ tag: "never" }, { _tag: "TagMissing", tag: "never" }],
    [{ tag: "of @ whom" }, { path: "query.tag" }],
    [{ tag: "x".repeat(256) }, { path: "query.tag" }],
    [{ signal: "SIGTERM" }, { path: "query.signal" }],
    [
      { target: "churn", tag: "never" },
      { _tag: "TagMissing", tag: "never" },
    ],
  ])("of %j is refused", async (query, refusal) => {
    const refused = await replayed(query)
    expect(refused).toBeInstanceOf(Error)
    expect(refused).toMatchObject(refusal)
  })

  it("of more events than one page tells each once", async () => {
    const long = new Recorder()
    const count = replayPageCount + 5
    for (let nth = 0; nth < count; nth += 1) long.record({ type: "tick", data: nth, subjects: [] })
    const moments = await Effect.runPromise(Effect.provide(momentsOf(long.events), stores))
    const ticks = long.events.map(({ position }) => position)
    for (const after of [0, 5, 6])
      expect(await positions(replay(moments.at(), { after }))).toEqual(ticks.slice(after))
  })
})

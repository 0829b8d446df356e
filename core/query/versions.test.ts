/**
 * Versions, listed: filters and orders. What all lists have in common is tested with the lists.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { momentsOf } from "./moment.contract.js"
import { listVersions, type VersionQuery } from "./versions.js"

const recorder = new Recorder()
const save = (name: string, label: string, bytes: number, ...tags: ReadonlyArray<string>) =>
  recorder.save(name, { label, content: "x".repeat(bytes), tags })
save("churn", "2", 30, "raw")
const held = save("feed", "1", 5, "raw", "gold")
save("churn", "10", 10)
save("churn", "raw_2024", 40, "gold")
const gone = save("churn", "9", 20, "raw")
save("lost", "1", 1)
save("churn", "007", 10)
recorder.tag("churn", "of the artifact")
recorder.hold(held)
recorder.delete(gone)
recorder.delete("lost")

const { at } = await Effect.runPromise(
  Effect.provide(momentsOf(recorder.events), Layer.mergeAll(logLayer, viewLayer)),
)

const found = async (query: VersionQuery | undefined, position?: number) => {
  const page = await Effect.runPromise(listVersions((of) => at(of ?? position), query))
  return page.entries.map(({ name, version }) => `${name}@${version}`)
}

const oldestFirst = ["churn@2", "feed@1", "churn@10", "churn@raw_2024", "churn@007"]
const ofChurn = oldestFirst.filter((each) => each.startsWith("churn"))

describe("versions", () => {
  it("are listed newest first unless asked otherwise, without those deleted", async () => {
    expect(await found(undefined)).toEqual(oldestFirst.toReversed())
    expect(await found({ sort: { by: "createdAt" } })).toEqual(oldestFirst)
  })

  it.each<[VersionQuery, ReadonlyArray<string>]>([
    [{ name: "churn" }, ofChurn],
    [{ name: { eq: "churn", ne: "churn" } }, []],
    [{ name: { startsWith: "f" } }, ["feed@1"]],
    [{ name: "none" }, []],
    [{ name: "lost" }, []],
    [{ name: { in: ["lost", "feed"] } }, ["feed@1"]],
    [{ version: "1" }, ["feed@1"]],
    [{ version: { endsWith: "7" } }, ["churn@007"]],
    [{ version: "9" }, []],
    [{ name: "churn", version: { notIn: ["2", "10"] } }, ["churn@raw_2024", "churn@007"]],
    [{ tags: "raw" }, ["churn@2", "feed@1"]],
    [{ tags: ["raw", "gold"] }, ["feed@1"]],
    [{ tags: { any: ["raw", "gold"] } }, ["churn@2", "feed@1", "churn@raw_2024"]],
    [{ tags: { none: ["raw", "gold"] } }, ["churn@10", "churn@007"]],
    [{ name: "churn", tags: { any: ["raw", "gold"], none: ["raw"] } }, ["churn@raw_2024"]],
    [{ tags: "of the artifact" }, []],
    [{ held: true }, ["feed@1"]],
    [{ held: false }, ofChurn],
    [{ name: "churn", held: true }, []],
  ])("that pass %j", async (query, passing) => {
    expect(await found({ ...query, sort: { by: "createdAt" } })).toEqual(passing)
    expect(await found(query)).toEqual(passing.toReversed())
  })

  it.each<[string, VersionQuery["sort"], ReadonlyArray<string>]>([
    [
      "numbers as they count, then words",
      { by: "version" },
      [1, 2, 10, "007", "raw_2024"].map(String),
    ],
    ["the same, turned", { by: "version", order: "desc" }, ["raw_2024", "007", "10", "2", "1"]],
    ["size, then age", { by: "size" }, ["1", "10", "007", "2", "raw_2024"]],
    ["name, then age", { by: "name" }, ["2", "10", "raw_2024", "007", "1"]],
    ["name, turned", { by: "name", order: "desc" }, ["1", "007", "raw_2024", "10", "2"]],
  ])("in the order of %s", async (_, sort, labels) => {
    const page = await Effect.runPromise(listVersions(at, sort === undefined ? {} : { sort }))
    expect(page.entries.map(({ version }) => version)).toEqual(labels)
  })

  it("are listed as of then", async () => {
    expect(await found({}, 7)).toContain("churn@9")
    expect(await found({}, 7)).toContain("lost@1")
    expect(await found({ name: "lost" }, 9)).toEqual(["lost@1"])
    expect(await found({ name: "feed" }, 1)).toEqual([])
  })

  it("come back with what was restored", async () => {
    const more = new Recorder()
    const target = more.save("churn")
    more.delete(target)
    more.restore(target)
    more.delete("churn")
    more.restore("churn")
    const moments = await Effect.runPromise(
      Effect.provide(momentsOf(more.events), Layer.mergeAll(logLayer, viewLayer)),
    )
    const counts = [1, 2, 3, 4, 5].map(async (position) => {
      const list = listVersions((of) => moments.at(of ?? position), {})
      return (await Effect.runPromise(list)).entries.length
    })
    expect(await Promise.all(counts)).toEqual([1, 0, 1, 0, 1])
  })

  it("cannot be filtered by a tag that does not exist", async () => {
    const list = listVersions(at, { name: "none", tags: { none: ["never"] } })
    expect(await Effect.runPromise(Effect.flip(list))).toMatchObject({
      _tag: "TagMissing",
      tag: "never",
    })
  })
})

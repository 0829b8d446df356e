/**
 * Metadata over time: what keys were set to, by whom and when, and one key from version to version.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import type { DaybookError } from "../errors.js"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { metadataHistory, metadataSeries } from "./metadata.js"
import { momentsOf } from "./moment.contract.js"

const stores = Layer.mergeAll(logLayer, viewLayer)
const recorder = new Recorder()
recorder.defineTag("live", { exclusive: true })
const first = recorder.save("churn", { metadata: { accuracy: 0.8, rows: 7 }, tags: ["live"] })
recorder.context = { actor: "ann" }
recorder.log(first, { accuracy: 0.9, when: new Date(5) })
recorder.log("churn", { owner: "ann" })
// The tag moves from the first version: this event is about both of them.
const second = recorder.save("churn", { metadata: { accuracy: 0.7 }, tags: ["live"] })
recorder.unlog(first, "accuracy")
recorder.log(first, { accuracy: 0 })
const gone = recorder.save("churn", { label: "gone", metadata: { accuracy: 1 } })
recorder.delete(gone)
recorder.unlog("churn", "owner")
recorder.save("churn", { label: "raw", metadata: { rows: 9, constructor: "x" } })
recorder.save("hidden", { metadata: { accuracy: 1 } })
recorder.delete("hidden")

const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

const orError = <A>(asked: Effect.Effect<A, DaybookError>): Promise<A | DaybookError> =>
  Effect.runPromise(Effect.catch(asked, (error) => Effect.succeed(error)))

const historyOf = async (target: unknown, key?: string, position?: number) => {
  const changes = await orError(metadataHistory(at(position), target, key))
  if (changes instanceof Error) return changes
  return changes.map((change) => [change.position, change.key, change.value])
}

describe("the history of metadata", () => {
  it("of a version is every value it had, removals too, and none of another", async () => {
    expect(await historyOf("churn@1")).toEqual([
      [2, "accuracy", 0.8],
      [2, "rows", 7],
      [3, "accuracy", 0.9],
      [3, "when", new Date(5)],
      [6, "accuracy", undefined],
      [7, "accuracy", 0],
    ])
    expect(await historyOf({ id: second.version.id })).toEqual([[5, "accuracy", 0.7]])
  })

  it("of an artifact is its own, and nothing of its versions", async () => {
    expect(await historyOf({ artifact: "churn" })).toEqual([
      [4, "owner", "ann"],
      [10, "owner", undefined],
    ])
  })

  it("of one key is that key's", async () => {
    expect(await historyOf("churn@1", "rows")).toEqual([[2, "rows", 7]])
    expect(await historyOf("churn@1", "never")).toEqual([])
    expect(await historyOf("churn@1", "constructor")).toEqual([])
  })

  it("ends at the moment", async () => {
    expect(await historyOf("churn@1", "accuracy", 5)).toEqual([
      [2, "accuracy", 0.8],
      [3, "accuracy", 0.9],
    ])
  })

  it("does not end with a deletion", async () => {
    expect(await historyOf("churn@gone")).toEqual([[8, "accuracy", 1]])
  })

  it("says who and when; a removal has no value", async () => {
    const [set, , , , removed] = await Effect.runPromise(
      metadataHistory(at(), first.version.id, undefined),
    )
    expect(set).toEqual({ key: "accuracy", value: 0.8, position: 2, time: new Date(timeAt(2)) })
    expect(removed).toEqual({
      key: "accuracy",
      position: 6,
      time: new Date(timeAt(6)),
      actor: "ann",
    })
    expect(removed).not.toHaveProperty("value")
  })

  it.each<[unknown, string | undefined, object]>([
    ["nowhere", undefined, { _tag: "ArtifactMissing" }],
    ["churn@9", undefined, { _tag: "VersionMissing" }],
    [{ tag: "live" }, undefined, { _tag: "InvalidReference", reference: "live" }],
    [7, undefined, { _tag: "InvalidReference" }],
    ["churn@1", "", { _tag: "InvalidInput", path: "key" }],
    ["churn@1", "__proto__", { _tag: "InvalidInput", path: "key" }],
    ["churn@1", "k".repeat(256), { _tag: "InvalidInput", path: "key" }],
    ["churn@1", 5 as unknown as string, { _tag: "InvalidInput", path: "key" }],
  ])("of %j, %j is refused", async (target, key, refusal) => {
    expect(await historyOf(target, key)).toMatchObject(refusal)
  })
})

describe("a series", () => {
  const series = async (name: unknown, key: unknown, position?: number) => {
    const points = await orError(metadataSeries(at(position), name as string, key as string))
    return points instanceof Error ? points : points.map(({ version, value }) => [version, value])
  }

  it("is one key across the surviving versions that have it, as they were saved", async () => {
    expect(await series("churn", "accuracy")).toEqual([
      ["1", 0],
      ["2", 0.7],
    ])
    expect(await series("churn", "rows")).toEqual([
      ["1", 7],
      ["raw", 9],
    ])
    expect(await series("churn", "constructor")).toEqual([["raw", "x"]])
    expect(await series("churn", "toString")).toEqual([])
    expect(await series("churn", "owner")).toEqual([])
  })

  it("is as of its moment", async () => {
    expect(await series("churn", "accuracy", 2)).toEqual([["1", 0.8]])
    expect(await series("churn", "accuracy", 6)).toEqual([["2", 0.7]])
    expect(await series("churn", "accuracy", 8)).toEqual([
      ["1", 0],
      ["2", 0.7],
      ["gone", 1],
    ])
  })

  it("says of each point which version it is, and when that was saved", async () => {
    const [point] = await Effect.runPromise(metadataSeries(at(), "churn", "when"))
    expect(point).toEqual({
      id: first.version.id,
      version: "1",
      value: new Date(5),
      createdAt: new Date(timeAt(2)),
      position: 2,
    })
  })

  it.each<[unknown, unknown, object]>([
    ["nowhere", "accuracy", { _tag: "ArtifactMissing", artifact: "nowhere" }],
    ["hidden", "accuracy", { _tag: "ArtifactMissing", artifact: "hidden" }],
    ["churn@1", "accuracy", { _tag: "InvalidInput", path: "artifact" }],
    [undefined, "accuracy", { _tag: "InvalidInput", path: "artifact" }],
    ["churn", undefined, { _tag: "InvalidInput", path: "key" }],
    ["churn", "", { _tag: "InvalidInput", path: "key" }],
  ])("of %j, %j is refused", async (name, key, refusal) => {
    expect(await series(name, key)).toMatchObject(refusal)
  })
})

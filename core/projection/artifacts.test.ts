/**
 * Artifacts: given these events, these rows. Which version is latest is compared with a plain list.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import type { VersionTarget } from "../event/subject.js"
import { digestOf } from "../model/digest.js"
import { artifacts, withoutKeys, withoutTags, withTags } from "./artifacts.js"
import { FoldedViews } from "./projection.contract.js"

const rowOf = (recorder: Recorder, name: string) =>
  new FoldedViews([artifacts]).fold(recorder.events).view(artifacts).get(["name", name])

describe("an artifact", () => {
  it("is made by its first save", () => {
    const recorder = new Recorder()
    const { artifact } = recorder.save("churn", { metadata: { of: "the version" }, tags: ["raw"] })
    expect(new FoldedViews([artifacts]).fold(recorder.events).rows(artifacts)).toEqual({
      '["count"]': 1,
      [`["id","${artifact.id}"]`]: "churn",
      '["name","churn"]': {
        id: artifact.id,
        name: "churn",
        ordinal: 1,
        counter: 1,
        versions: 1,
        surviving: 1,
        latest: 1,
        tags: [],
        metadata: {},
        createdAt: timeAt(1),
        updatedAt: timeAt(1),
        position: 1,
      },
      '["ordinal",1]': "churn",
    })
  })

  it("keeps its place and its beginning while versions come", () => {
    const recorder = new Recorder()
    recorder.save("feed")
    recorder.save("churn")
    recorder.save("churn")
    expect(rowOf(recorder, "churn")).toMatchObject({
      ordinal: 2,
      versions: 2,
      surviving: 2,
      latest: 2,
      createdAt: timeAt(2),
      updatedAt: timeAt(3),
      position: 2,
    })
    const rows = new FoldedViews([artifacts]).fold(recorder.events).view(artifacts)
    expect(rows.get(["count"])).toBe(2)
    expect([1, 2].map((ordinal) => rows.get(["ordinal", ordinal]))).toEqual(["feed", "churn"])
  })

  it.each<[ReadonlyArray<string>, number]>([
    [["1", "2"], 2],
    [["44", "7"], 44],
    [["raw_2023", "007", "1.5", "0"], 0],
    [["3", "raw", "2"], 3],
    [["9007199254740991"], 9_007_199_254_740_991],
    [["9007199254740992", "1"], 1],
  ])("counts from the labels %j to %i", (labels, counter) => {
    const recorder = new Recorder()
    for (const label of labels) recorder.save("churn", { label })
    expect(rowOf(recorder, "churn")).toMatchObject({ counter })
  })

  it("never counts down, not even when versions are deleted", () => {
    const recorder = new Recorder()
    for (const target of [recorder.save("churn"), recorder.save("churn", { label: "44" })])
      recorder.delete(target)
    expect(rowOf(recorder, "churn")).toMatchObject({ counter: 44, versions: 2, surviving: 0 })
    expect(rowOf(recorder, "churn")).not.toHaveProperty("latest")
  })

  it("is deleted and restored, and remembers by whom", () => {
    const recorder = new Recorder()
    recorder.save("churn")
    recorder.context = { actor: "ann", reason: "old" }
    recorder.delete("churn")
    const deleted = { position: 2, time: timeAt(2), actor: "ann", reason: "old" }
    expect(rowOf(recorder, "churn")).toMatchObject({ deleted, surviving: 1, updatedAt: timeAt(2) })
    recorder.context = {}
    recorder.restore("churn")
    expect(rowOf(recorder, "churn")).not.toHaveProperty("deleted")
    expect(rowOf(recorder, "churn")).toMatchObject({ surviving: 1, updatedAt: timeAt(3) })
    recorder.delete("churn")
    expect(rowOf(recorder, "churn")?.deleted).toEqual({ position: 4, time: timeAt(4) })
  })

  it("remembers a version that was swept with it, not one that was deleted before", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn", { content: "two" })]
    recorder.delete(one)
    recorder.delete("churn")
    recorder.sweep(one)
    expect(rowOf(recorder, "churn")).not.toHaveProperty("swept")
    recorder.sweep(one, two)
    expect(rowOf(recorder, "churn")).toMatchObject({
      swept: { position: 6, time: timeAt(6), version: "2", digest: digestOf(Buffer.from("two")) },
    })
  })

  it("has tags and metadata of its own, beside those of its versions", () => {
    const recorder = new Recorder()
    const version = recorder.save("churn")
    recorder.tag("churn", "a", "b")
    recorder.tag(version, "c")
    recorder.log("churn", { owner: "ann", team: 1 })
    recorder.log(version, { owner: "bob" })
    recorder.untag("churn", "a")
    recorder.untag(version, "c")
    recorder.unlog("churn", "team")
    recorder.unlog(version, "owner")
    expect(rowOf(recorder, "churn")).toMatchObject({
      tags: [recorder.tagId("b")],
      metadata: { owner: "ann" },
      updatedAt: timeAt(8),
    })
  })

  it("loses an exclusive tag to the artifact that it moves to", () => {
    const recorder = new Recorder()
    recorder.save("churn")
    recorder.save("feed")
    recorder.defineTag("main", { exclusive: true })
    recorder.tag("churn", "main")
    recorder.tag("feed", "main")
    expect(rowOf(recorder, "churn")).toMatchObject({ tags: [], updatedAt: timeAt(5) })
    expect(rowOf(recorder, "feed")).toMatchObject({ tags: [recorder.tagId("main")] })
  })

  it("keeps its own exclusive tag when versions move theirs", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn")]
    recorder.defineTag("main", { exclusive: true })
    recorder.tag("churn", "main")
    recorder.tag(one, "main")
    recorder.tag(two, "main")
    expect(rowOf(recorder, "churn")).toMatchObject({ tags: [recorder.tagId("main")] })
  })
})

describe("the latest version", () => {
  it("is the surviving one saved last, over 300 versions deleted and restored in any order", () => {
    const order = fc.shuffledSubarray(
      Array.from({ length: 300 }, (_, index) => index),
      { minLength: 300 },
    )
    return fc.assert(
      fc.property(order, order, (deletions, restorations) => {
        const recorder = new Recorder()
        const targets = deletions.map(() => recorder.save("churn"))
        const views = new FoldedViews([artifacts]).fold(recorder.events)
        const surviving = new Set(targets.map((_, index) => index))
        let folded = recorder.events.length
        const check = (index: number, act: (target: VersionTarget) => void): void => {
          const target = targets[index]
          if (target !== undefined) act(target)
          views.fold(recorder.events.slice(folded))
          folded = recorder.events.length
          const row = views.view(artifacts).get(["name", "churn"])
          const latest = targets.findLast((_, at) => surviving.has(at))?.version.ordinal
          if (row?.latest !== latest || row?.surviving !== surviving.size)
            expect(row).toMatchObject({ latest, surviving: surviving.size })
        }
        for (const index of deletions) {
          surviving.delete(index)
          check(index, (target) => recorder.delete(target))
        }
        expect(views.view(artifacts).get(["name", "churn"])).not.toHaveProperty("latest")
        for (const index of restorations) {
          surviving.add(index)
          check(index, (target) => recorder.restore(target))
        }
        expect(Object.keys(views.rows(artifacts)).filter((key) => key.includes("del"))).toEqual([])
        expect(views.view(artifacts).get(["name", "churn"])).toMatchObject({ latest: 300 })
      }),
      { numRuns: 4 },
    )
  })

  it("is the one saved last also when it was saved while others were deleted", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn", { label: "44" })]
    recorder.delete(two)
    recorder.delete(one)
    recorder.save("churn", { label: "7" })
    recorder.restore(two)
    expect(rowOf(recorder, "churn")).toMatchObject({ latest: 3, surviving: 2, counter: 44 })
  })
})

describe("lists of tags and keys", () => {
  it("hold each once, and lose what is taken out", () => {
    expect(withTags(["a", "b"], [{ id: "b" }, { id: "c" }, { id: "c" }])).toEqual(["a", "b", "c"])
    expect(withoutTags(["a", "b", "c"], [{ id: "b" }, { id: "x" }])).toEqual(["a", "c"])
    expect(withoutKeys({ a: 1, b: 2 }, ["b", "c"])).toEqual({ a: 1 })
  })
})

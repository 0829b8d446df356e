/**
 * Artifacts, listed: filters and orders. What all lists have in common is tested with the lists.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { type ArtifactQuery, listArtifacts } from "./artifacts.js"
import { momentsOf } from "./moment.contract.js"

const recorder = new Recorder()
for (const name of ["iris_test", "Iris", "iris", "été", "feed"]) recorder.save(name)
recorder.save("iris_train", { tags: ["of the version"] })
recorder.tag("iris", "raw", "gold")
recorder.tag("iris_test", "raw")
recorder.delete("feed")
recorder.log("été", { a: 1 })
recorder.save("Iris")

const { at } = await Effect.runPromise(
  Effect.provide(momentsOf(recorder.events), Layer.mergeAll(logLayer, viewLayer)),
)

const names = async (query: ArtifactQuery | undefined, position?: number) => {
  const page = await Effect.runPromise(listArtifacts((of) => at(of ?? position), query))
  return page.entries.map(({ name }) => name)
}

const byName = ["Iris", "iris", "iris_test", "iris_train", "été"]

describe("artifacts", () => {
  it("are listed by name unless asked otherwise, without those deleted", async () => {
    expect(await names(undefined)).toEqual(byName)
    expect(await names({ sort: { by: "name", order: "desc" } })).toEqual(byName.toReversed())
  })

  it.each<[ArtifactQuery, ReadonlyArray<string>]>([
    [{ name: "iris" }, ["iris"]],
    [{ name: { startsWith: "iris" } }, ["iris", "iris_test", "iris_train"]],
    [{ name: { in: ["été", "iris", "none"] } }, ["iris", "été"]],
    [{ name: "none" }, []],
    [{ name: "feed" }, []],
    [{ tags: "raw" }, ["iris", "iris_test"]],
    [{ tags: ["raw", "gold"] }, ["iris"]],
    [{ tags: { any: ["gold", "of the version"] } }, ["iris"]],
    [{ tags: { none: ["raw"] } }, ["Iris", "iris_train", "été"]],
    [{ name: { contains: "_" }, tags: { all: ["raw"], none: ["gold"] } }, ["iris_test"]],
  ])("that pass %j", async (query, passing) => {
    expect(await names(query)).toEqual(passing)
  })

  it.each<[ArtifactQuery["sort"], ReadonlyArray<string>]>([
    [{ by: "createdAt" }, ["iris_test", "Iris", "iris", "été", "iris_train"]],
    [{ by: "createdAt", order: "desc" }, ["iris_train", "été", "iris", "Iris", "iris_test"]],
    [{ by: "updatedAt" }, ["iris_train", "iris", "iris_test", "été", "Iris"]],
    [{ by: "updatedAt", order: "desc" }, ["Iris", "été", "iris_test", "iris", "iris_train"]],
  ])("in the order %j", async (sort, sorted) => {
    expect(await names(sort === undefined ? {} : { sort })).toEqual(sorted)
  })

  it("are listed as of then", async () => {
    expect(await names({}, 6)).toEqual(["Iris", "feed", "iris", "iris_test", "iris_train", "été"])
    expect(await names({ tags: { none: ["of the version"] } }, 6)).toHaveLength(6)
    expect(await names({}, 1)).toEqual(["iris_test"])
  })

  it("cannot be filtered by a tag that did not exist then", async () => {
    const list = listArtifacts((of) => at(of ?? 6), { tags: "raw" })
    expect(await Effect.runPromise(Effect.flip(list))).toMatchObject({
      _tag: "TagMissing",
      tag: "raw",
    })
  })

  it("show what they are", async () => {
    const page = await Effect.runPromise(listArtifacts(at, { name: "iris" }))
    expect(page).toMatchObject({ entries: [{ tags: ["gold", "raw"], versionCount: 1 }] })
  })
})

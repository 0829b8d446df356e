/**
 * Finding: every form of a reference, the order in which a bare string is understood, parts of ids.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import type { DaybookError } from "../errors.js"
import { Recorder } from "../event/recorder.contract.js"
import { candidateCountMax } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import type { Artifact } from "../model/artifact.js"
import { layer as viewLayer } from "../view/memory.js"
import { expandReference, expandTarget, getArtifact, getVersion } from "./find.js"
import { momentsOf } from "./moment.contract.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const ids = {
  one: "01J0AAAAAA0000000000ABCDEF",
  two: "01J0AAAAAA0000000000GHJKMN",
  three: "01J0BBBBBB000000000000TA1W",
  // Begins as another ends, and the other way round.
  four: "01J0BBBBB1000000000001J0CC",
  five: "01J0CCCCC10000000000000XYZ",
  // Begins as it ends.
  ring: "7ZZZZZ000000000000007ZZZZZ",
} as const

const recorder = new Recorder()
recorder.save("churn", { id: ids.one })
recorder.save("churn", { id: ids.two, label: "raw" })
recorder.defineTag("production", { exclusive: true })
recorder.tag(recorder.save("a/b::c", { id: ids.three }), "production", "plain")
recorder.save("feed", { id: ids.four })
recorder.save("feed", { id: ids.five })
recorder.save("feed", { id: ids.ring })
const before = recorder.position - 1
recorder.save("ABCDEF")
recorder.save("TAILED")
recorder.delete("TAILED")
for (let nth = 0; nth < 12; nth += 1)
  recorder.save("many", { id: `01J0DDDDDD00000000000000${String(nth).padStart(2, "0")}` })
const deleted = recorder.save("gone", { id: "01J0EEEEEE000000000000G0NE" })
recorder.delete(deleted)

const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

const orError = <A>(asked: Effect.Effect<A, DaybookError>): Promise<A | DaybookError> =>
  Effect.runPromise(Effect.catch(asked, (error) => Effect.succeed(error)))

const get = async (reference: unknown, position?: number) => {
  const answer = await orError(getVersion(at(position), reference))
  return answer instanceof Error ? answer : `${answer.name} ${answer.version}`
}

describe("a reference", () => {
  it.each<[string, unknown, string]>([
    ["a name", "churn", "churn raw"],
    ["a name with odd characters", "a/b::c", "a/b::c 1"],
    ["latest", "churn@latest", "churn raw"],
    ["a number", "churn@1", "churn 1"],
    ["a label", "churn@raw", "churn raw"],
    ["an exclusive tag", "a/b::c@production", "a/b::c 1"],
    ["an id", ids.one, "churn 1"],
    ["an id in small letters", ids.one.toLowerCase(), "churn 1"],
    ["the beginning of an id", "01J0BBBBBB", "a/b::c 1"],
    ["the end of an id", "GHJKMN", "churn raw"],
    ["the end of an id in small letters", "0ghjkmn", "churn raw"],
    ["all of an id but its first character", ids.five.slice(1), "feed 2"],
    ["all of an id but its last character", ids.five.slice(0, -1), "feed 2"],
    ["what an id begins and ends with", "7ZZZZZ", "feed 3"],
    ["a record of a name", { name: "churn" }, "churn raw"],
    ["a record of name and label", { name: "churn", version: "raw" }, "churn raw"],
    ["a record of name and number", { name: "churn", version: 1 }, "churn 1"],
    ["a record of an id", { id: ids.three }, "a/b::c 1"],
    ["what an answer is", { id: ids.one, name: "feed", version: "3", tags: [] }, "churn 1"],
  ])("of %s is found", async (_, reference, found) => {
    expect(await get(reference)).toBe(found)
  })

  it("is a name first, and the part of an id only where there is no such name", async () => {
    expect(await get("ABCDEF", before)).toBe("churn 1")
    expect(await get("ABCDEF")).toBe("ABCDEF 1")
    expect(await get("abcdef")).toBe("churn 1")
  })

  it("by what an artifact answered says how to name a version of it", async () => {
    const artifact = await orError(getArtifact(at(), "churn"))
    const { id } = artifact as Artifact
    for (const reference of [artifact, id])
      expect(await get(reference)).toMatchObject({
        _tag: "VersionMissing",
        artifact: "churn",
        selector: id,
        message: expect.stringMatching(/is the id of the artifact churn,.* say "churn@latest"/),
      })
    expect(await get("01J0ZZZZZZ0000000000000000")).toMatchObject({ artifact: "" })
  })

  it("to the name of a deleted artifact stays one", async () => {
    expect(await get("TAILED")).toMatchObject({ _tag: "ArtifactMissing", artifact: "TAILED" })
  })

  it("is answered as of then", async () => {
    expect(await get("churn", 1)).toBe("churn 1")
    expect(await get("GHJKMN", 1)).toMatchObject({ _tag: "ArtifactMissing", artifact: "GHJKMN" })
    expect(await get(ids.two, 1)).toMatchObject({ _tag: "VersionMissing", selector: ids.two })
    expect(await get("churn", 0)).toMatchObject({ _tag: "ArtifactMissing" })
    expect(await get("gone@1", recorder.position - 2)).toBe("gone 1")
  })

  it.each<[string, unknown, object]>([
    ["too short a part of an id", "BCDEF", { _tag: "ArtifactMissing", artifact: "BCDEF" }],
    ["the middle of an id", "CCC1000", { _tag: "ArtifactMissing" }],
    ["a part that no id has", "ZZZZZZZZ", { _tag: "ArtifactMissing", artifact: "ZZZZZZZZ" }],
    ["a plain tag", "a/b::c@plain", { _tag: "InvalidReference", reference: "a/b::c@plain" }],
    ["no label", "churn@9", { _tag: "VersionMissing", artifact: "churn", selector: "9" }],
    [
      "the end of the id of a deleted version",
      "00G0NE",
      { _tag: "VersionMissing", artifact: "gone" },
    ],
    ["nothing", undefined, { _tag: "InvalidReference" }],
    ["an empty text", "", { _tag: "InvalidReference", reference: "" }],
    ["a name without a selector", "churn@", { _tag: "InvalidReference", reference: "churn@" }],
    ["an artifact", { artifact: "churn" }, { _tag: "InvalidReference" }],
    ["a number", 7, { _tag: "InvalidReference", reference: "7" }],
    ["a list", ["churn"], { _tag: "InvalidReference" }],
    ["a record with more in it", { name: "churn", label: 1 }, { _tag: "InvalidReference" }],
  ])("of %s is refused", async (_, reference, refusal) => {
    expect(await get(reference)).toMatchObject(refusal)
  })
})

describe("a part of several ids", () => {
  it.each([
    ["begins", "01J0AAAAAA", ["churn@1 (00ABCDEF)", "churn@raw (00GHJKMN)"]],
    ["begins one and ends another", "01J0CC", ["feed@2 (00000XYZ)", "feed@1 (0001J0CC)"]],
  ])("is ambiguous where it %s them", async (_, part, candidates) => {
    expect(await get(part)).toMatchObject({
      _tag: "AmbiguousReference",
      reference: part,
      candidates,
    })
  })

  it("lists so many candidates at most", async () => {
    const refused = await get("01J0DDDDDD")
    expect(refused).toMatchObject({ _tag: "AmbiguousReference" })
    expect(refused).toHaveProperty("candidates.length", candidateCountMax)
  })
})

describe("expanding", () => {
  it("gives a full id for a part of one, and leaves any other reference alone", async () => {
    const expand = (text: string) => orError(expandReference(at(), { by: "text", text }))
    expect(await expand("ghjkmn")).toEqual({ by: "id", id: ids.two })
    for (const text of ["churn", "nowhere", "ABCDEF", "TAILED", "ABCDE"])
      expect(await expand(text)).toEqual({ by: "text", text })
    const latest = { by: "latest", name: "churn" } as const
    expect(await orError(expandReference(at(), latest))).toBe(latest)
  })

  it("looks into targets that are versions", async () => {
    const reference = { by: "text", text: "GHJKMN" } as const
    expect(await orError(expandTarget(at(), { kind: "version", reference }))).toEqual({
      kind: "version",
      reference: { by: "id", id: ids.two },
    })
    for (const kind of ["artifact", "tag"] as const) {
      const target = { kind, name: "GHJKMN" }
      expect(await orError(expandTarget(at(), target))).toBe(target)
    }
  })
})

describe("an artifact", () => {
  const artifact = (name: unknown, position?: number) => orError(getArtifact(at(position), name))

  it("is found by its name, as of then", async () => {
    expect(await artifact("churn")).toMatchObject({ name: "churn", versionCount: 2 })
    expect(await artifact("churn", 1)).toMatchObject({ latest: { version: "1" } })
    expect(await artifact("gone")).toMatchObject({ versionCount: 0 })
  })

  it.each<[unknown, object]>([
    ["chrn", { _tag: "ArtifactMissing", artifact: "chrn" }],
    ["TAILED", { _tag: "ArtifactMissing", artifact: "TAILED" }],
    [ids.one, { _tag: "InvalidInput", path: "artifact" }],
    ["churn@1", { _tag: "InvalidInput", path: "artifact" }],
    [undefined, { _tag: "InvalidInput", path: "artifact" }],
    [5, { _tag: "InvalidInput", path: "artifact" }],
    [{ artifact: "churn" }, { _tag: "InvalidInput", path: "artifact" }],
  ])("named %j is refused", async (name, refusal) => {
    expect(await artifact(name)).toMatchObject(refusal)
  })
})

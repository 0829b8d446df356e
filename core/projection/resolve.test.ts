/**
 * Resolving references over exact keys: what each form means, and what it is refused with.
 */
import { describe, expect, it } from "vitest"
import { ArtifactMissing, isRefusal, NameTaken } from "../errors.js"
import { Recorder, testId } from "../event/recorder.contract.js"
import { isProblem, parseTarget, type Target } from "../model/reference.js"
import { artifacts } from "./artifacts.js"
import { FoldedViews } from "./projection.contract.js"
import {
  artifactAt,
  artifactRef,
  findArtifact,
  findById,
  findByLabel,
  findTarget,
  holderOrdinal,
  resolveTarget,
  taken,
  targetRef,
  versionAt,
  versionRef,
} from "./resolve.js"
import { type TagRow, tags } from "./tags.js"
import { versions } from "./versions.js"

const recorder = new Recorder()
const churn = Array.from({ length: 5 }, (_, index) =>
  recorder.save("churn", index === 3 ? { label: "raw" } : {}),
)
recorder.save("a/b::c")
const [gone] = [recorder.save("gone")]
recorder.defineTag("production", { exclusive: true })
recorder.defineTag("unheld", { exclusive: true })
recorder.tag(churn[1] ?? gone, "production")
recorder.tag(churn[2] ?? gone, "plain")
recorder.context = { reason: "obsolete" }
recorder.delete(churn[4] ?? gone)
recorder.context = {}
recorder.delete(churn[0] ?? gone)
recorder.delete("gone")
recorder.defineTag("on deleted", { exclusive: true })
recorder.tag(churn[0] ?? gone, "on deleted")
for (const target of [recorder.save("empty")]) recorder.delete(target)

const views = new FoldedViews([artifacts, versions, tags]).fold(recorder.events)

const resolve = (target: Target, by = resolveTarget) => {
  const parsed = parseTarget(target)
  if (isProblem(parsed)) throw new Error(parsed.problem)
  const resolved = by(views, parsed)
  if (isRefusal(resolved)) return resolved
  const { artifact, version } = resolved
  return version === undefined ? `artifact ${artifact.name}` : `${artifact.name} ${version.label}`
}

const find = (target: Target) => resolve(target, findTarget)

const idOf = (index: number): string => churn[index]?.version.id ?? ""

describe("a reference", () => {
  it.each<[string, Target, string]>([
    ["a bare name: the surviving version saved last", "churn", "churn raw"],
    ["a name with odd characters", "a/b::c", "a/b::c 1"],
    ["latest", "churn@latest", "churn raw"],
    ["a number", "churn@2", "churn 2"],
    ["a label", "churn@raw", "churn raw"],
    ["an exclusive tag", "churn@production", "churn 2"],
    ["an id", idOf(2), "churn 3"],
    ["an id in small letters", idOf(2).toLowerCase(), "churn 3"],
    ["a record", { name: "churn", version: 3 }, "churn 3"],
    ["a record without a version", { name: "churn" }, "churn raw"],
    ["a record of an id", { id: idOf(1) }, "churn 2"],
    ["an artifact", { artifact: "churn" }, "artifact churn"],
    ["an artifact without a surviving version", { artifact: "empty" }, "artifact empty"],
  ])("of %s is found", (_, target, found) => {
    expect(resolve(target)).toBe(found)
  })

  it.each<[string, Target, string, object]>([
    ["no artifact", "chrn", "ArtifactMissing", { artifact: "chrn", candidates: [] }],
    ["no artifact, with a selector", "chrn@1", "ArtifactMissing", { artifact: "chrn" }],
    ["a deleted artifact", "gone@1", "ArtifactMissing", { artifact: "gone" }],
    ["a deleted artifact itself", { artifact: "gone" }, "ArtifactMissing", { artifact: "gone" }],
    ["a version of a deleted artifact", gone.version.id, "ArtifactMissing", { artifact: "gone" }],
    ["no label", "churn@9", "VersionMissing", { artifact: "churn", selector: "9", candidates: [] }],
    ["no label that looks alike", "churn@02", "VersionMissing", { selector: "02" }],
    ["a deleted version", "churn@5", "VersionMissing", { artifact: "churn", selector: "5" }],
    ["a deleted version by id", idOf(4), "VersionMissing", { artifact: "churn" }],
    ["latest where none survives", "empty", "VersionMissing", { selector: "latest" }],
    ["an exclusive tag that nothing holds", "churn@unheld", "VersionMissing", {}],
    ["a tag that a deleted version holds", "churn@on deleted", "VersionMissing", {}],
    ["a tag of another artifact", "a/b::c@production", "VersionMissing", { artifact: "a/b::c" }],
    ["no id", testId(9_999), "VersionMissing", { artifact: "", selector: testId(9_999) }],
    ["a plain tag", "churn@plain", "InvalidReference", { reference: "churn@plain" }],
    ["a tag as a target", { tag: "plain" }, "InvalidReference", { reference: "plain" }],
  ])("of %s is refused", (_, target, tag, fields) => {
    expect(resolve(target)).toMatchObject({ _tag: tag, ...fields })
  })

  it("to what was deleted is told when and why, and what to do", () => {
    expect(resolve("churn@5")).toMatchObject({
      message:
        "version 5 of churn was deleted at position 12 (obsolete): restore it to use it again",
    })
    expect(resolve("gone")).toMatchObject({
      message: "the artifact gone was deleted at position 14: restore it to use it again",
    })
    expect(resolve("churn@plain")).toMatchObject({
      message: expect.stringContaining('defineTag("plain", { exclusive: true })'),
    })
  })
})

describe("rows by their keys", () => {
  it("are found whether deleted or not", () => {
    expect(findArtifact(views, "gone")?.deleted).toMatchObject({ position: 14 })
    expect(findArtifact(views, "none")).toBeUndefined()
    expect(versionAt(views, [recorder.artifact("churn").id, 5])?.label).toBe("5")
    expect(findById(views, idOf(4))?.version.deleted).toMatchObject({ reason: "obsolete" })
    expect(findById(views, gone.version.id)?.artifact.name).toBe("gone")
    expect(findById(views, testId(9_999))).toBeUndefined()
  })

  it("give the parts of events", () => {
    const found = findById(views, idOf(2))
    expect(found && targetRef(found)).toEqual(churn[2])
    expect(found && targetRef({ artifact: found.artifact })).toEqual({
      artifact: churn[2]?.artifact,
    })
    expect(found && [artifactRef(found.artifact), versionRef(found.version)]).toEqual([
      churn[2]?.artifact,
      churn[2]?.version,
    ])
  })
})

describe("what a target means, deleted or not", () => {
  it.each<[string, Target, string]>([
    ["a deleted label", "churn@1", "churn 1"],
    ["the id of a deleted version", { id: idOf(4) }, "churn 5"],
    ["a deleted artifact", { artifact: "gone" }, "artifact gone"],
    ["a version of a deleted artifact", "gone@1", "gone 1"],
    ["the latest version of a deleted artifact", "gone", "gone 1"],
    ["the surviving latest version", "churn@latest", "churn raw"],
    ["a surviving holder", "churn@production", "churn 2"],
  ])("is %s", (_, target, found) => {
    expect(find(target)).toBe(found)
  })

  it.each<[Target, object]>([
    ["chrn@1", { _tag: "ArtifactMissing", artifact: "chrn" }],
    [{ artifact: "chrn" }, { _tag: "ArtifactMissing", artifact: "chrn" }],
    ["gone@2", { _tag: "VersionMissing", artifact: "gone", selector: "2" }],
    ["empty", { _tag: "VersionMissing", selector: "latest" }],
    ["churn@on deleted", { _tag: "VersionMissing" }],
    [{ id: testId(9_999) }, { _tag: "VersionMissing", artifact: "" }],
    [{ tag: "plain" }, { _tag: "InvalidReference", reference: "plain" }],
  ])("is nothing for %j", (target, refusal) => {
    expect(find(target)).toMatchObject(refusal)
  })

  it("is told by a label too", () => {
    const artifact = findArtifact(views, "churn")
    expect(artifact && findByLabel(views, artifact, "5")?.deleted).toBeDefined()
    expect(artifact && findByLabel(views, artifact, "production")).toBeUndefined()
  })
})

describe("an artifact", () => {
  it("is told by its ordinal", () => {
    const { name, ordinal } = recorder.artifact("churn")
    expect(artifactAt(views, ordinal)?.name).toBe(name)
    expect(artifactAt(views, 1_000)).toBeUndefined()
  })
})

describe("the one holder of a tag", () => {
  const holder = (name: string): number | undefined => {
    const row = views.view(tags).get(["name", name])
    const scope = recorder.artifact("churn").id
    return holderOrdinal(views, row ?? ({ id: "none" } as TagRow), scope)
  }

  it("is there when there is exactly one", () => {
    expect(["production", "plain", "unheld", "never named"].map(holder)).toEqual([
      2,
      3,
      undefined,
      undefined,
    ])
  })

  it("is none when there are several", () => {
    const crowd = new Recorder()
    const targets = [crowd.save("churn", { tags: ["x"] }), crowd.save("churn", { tags: ["x"] })]
    const folded = new FoldedViews([tags]).fold(crowd.events)
    const row = folded.view(tags).get(["name", "x"])
    expect(row && holderOrdinal(folded, row, targets[0]?.artifact.id ?? "")).toBeUndefined()
  })
})

describe("refusals", () => {
  it("leave without candidates, which a query puts in", () => {
    expect(resolve("chrn")).toBeInstanceOf(ArtifactMissing)
    expect(taken("x", "x is taken", ["churn@x"])).toEqual(
      new NameTaken({ message: "x is taken", taken: "x", holders: ["churn@x"] }),
    )
  })
})

/**
 * Rows as answers: plain data with names, values and dates.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import { layer as logLayer } from "../log/memory.js"
import { digestOf } from "../model/digest.js"
import { uri } from "../model/metadata.js"
import { relativePath } from "../model/path.js"
import { findArtifact, findById } from "../projection/resolve.js"
import { tags } from "../projection/tags.js"
import { layer as viewLayer } from "../view/memory.js"
import { toArtifact, toTag, toVersion } from "./answer.js"
import { momentsOf } from "./moment.contract.js"

const stores = Layer.mergeAll(logLayer, viewLayer)
const recorder = new Recorder()
const feed = recorder.save("feed")
recorder.defineTag("été", { exclusive: true, color: "green", description: "in use" })
recorder.context = { actor: "ann" }
const metadata = { when: new Date(7), home: uri("a:b"), bytes: Uint8Array.of(1), n: 5n }
const churn = recorder.save("churn", {
  label: "44",
  content: "12345",
  metadata,
  inputs: [feed],
  tags: ["z", "été", "a", "\u{1f600}", "\uff01"],
  saved: { type: "model", saveType: "step-output", materializer: "x@2", description: "d" },
  producer: { name: "nightly", run: "17", step: "train" },
})
recorder.log("churn", { owner: "ann" })
recorder.tag("churn", "b", "a")
const bare = recorder.save("bare", { label: "raw" })
recorder.delete(bare)
recorder.hold(churn)

const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))
const { views } = at()

const version = (id: string) => {
  const found = findById(views, id)
  return found && toVersion(views, found.artifact.name, found.version)
}

describe("a version", () => {
  it("shows everything that was saved", () => {
    const digest = digestOf(Buffer.from("12345"))
    const answer = version(churn.version.id)
    expect(answer).toEqual({
      id: churn.version.id,
      artifactId: churn.artifact.id,
      name: "churn",
      version: "44",
      number: 44,
      type: "model",
      saveType: "step-output",
      materializer: "x@2",
      description: "d",
      digest,
      size: 5,
      content: { digest, size: 5, count: 1 },
      tags: ["a", "z", "été", "\uff01", "\u{1f600}"],
      metadata,
      inputs: [{ id: feed.version.id, artifactId: feed.artifact.id }],
      producer: { name: "nightly", run: "17", step: "train" },
      createdAt: new Date(timeAt(3)),
      actor: "ann",
      position: 3,
      held: { position: 8, time: new Date(timeAt(8)), actor: "ann" },
    })
    expect(Buffer.isBuffer(answer?.metadata.bytes)).toBe(false)
  })

  it("leaves out what there is not", () => {
    const { description, ...answer } = version(feed.version.id) ?? { description: "absent" }
    expect(description).toBeUndefined()
    for (const absent of ["actor", "producer", "entries", "held"])
      expect(answer).not.toHaveProperty(absent)
    expect(version(bare.version.id)).not.toHaveProperty("number")
  })

  it("shows a small tree as it is", () => {
    const found = findById(views, churn.version.id)
    const path = relativePath("data.json")
    const entries = [{ path, kind: "file", size: 5, digest: digestOf(Buffer.from("12345")) }]
    const content = { ...found?.version.content, entries }
    const row = found && { ...found.version, content }
    expect(row && toVersion(views, "churn", row as typeof found.version).content.entries).toEqual(
      entries,
    )
  })
})

describe("an artifact", () => {
  it("shows its own tags and metadata, and its latest version", () => {
    const row = findArtifact(views, "churn")
    expect(row && toArtifact(views, row)).toEqual({
      id: churn.artifact.id,
      name: "churn",
      tags: ["a", "b"],
      metadata: { owner: "ann" },
      versionCount: 1,
      latest: { id: churn.version.id, version: "44" },
      createdAt: new Date(timeAt(3)),
      updatedAt: new Date(timeAt(5)),
      position: 3,
    })
  })

  it("has no latest version where none survives", () => {
    const row = findArtifact(views, "bare")
    const answer = row && toArtifact(views, row)
    expect(answer).toMatchObject({ versionCount: 0 })
    expect(answer).not.toHaveProperty("latest")
  })
})

describe("a tag", () => {
  const tag = (name: string) => {
    const row = views.view(tags).get(["name", name])
    return row && toTag(row)
  }

  it("shows what it means and since when, and no count of the view's own", () => {
    expect(tag("été")).toEqual({
      id: recorder.tagId("été"),
      name: "été",
      exclusive: true,
      color: "green",
      description: "in use",
      createdAt: new Date(timeAt(2)),
      position: 2,
    })
    expect(Object.keys(tag("a") ?? {}).sort()).toEqual([
      "createdAt",
      "exclusive",
      "id",
      "name",
      "position",
    ])
  })
})

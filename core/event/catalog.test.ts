/**
 * The catalog: which events there are, and what their schemas let through. How they are recorded is
 * the codec's test, how they read is that of the sentence.
 */
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { digestOf } from "../model/digest.js"
import { parse, strict } from "../model/schema.js"
import { type CoreEvents, catalog, fact } from "./catalog.js"
import type { AnyEventType } from "./event.js"
import { Recorder, testId } from "./recorder.contract.js"

const typeOf = (name: string): AnyEventType => {
  const found = catalog.find(({ type }) => type === name)
  if (found === undefined) throw new Error(`no event type ${name}`)
  return found
}

const check = (name: keyof CoreEvents, data: unknown) =>
  parse(strict(typeOf(name).schema), data, "data")

const recorder = new Recorder()
recorder.save("churn", { tags: ["raw"], metadata: { rows: 7 } })
const saved = recorder.events[0]?.data as CoreEvents["version-saved"]

describe("the catalog", () => {
  it("lists every event type of this release once, in the order of the product page", () => {
    expect(catalog.map(({ type }) => type)).toEqual([
      "ledger-created",
      "ledger-recovered",
      "version-saved",
      "tag-defined",
      "tags-added",
      "tags-removed",
      "metadata-logged",
      "metadata-removed",
      "version-deleted",
      "version-restored",
      "artifact-deleted",
      "artifact-restored",
      "hold-placed",
      "hold-released",
      "drift-observed",
      "content-swept",
      "request-settled",
    ])
  })

  it("makes facts of its types, about the ids they are given", () => {
    const data = { artifact: recorder.artifact("churn") }
    const made = fact("artifact-deleted", data, [data.artifact.id])
    expect(made).toEqual({ type: "artifact-deleted", data, subjects: [data.artifact.id] })
  })
})

describe("the schema of a saved version", () => {
  it("takes what is recorded, as it is", () => {
    expect(check("version-saved", saved)).toEqual(saved)
  })

  const file = { path: "a/é b.txt", kind: "file", size: 1, digest: digestOf(Uint8Array.of(1)) }

  it("takes trees whose paths are paths of entries", () => {
    const content = { ...saved.content, entries: [file] }
    expect(check("version-saved", { ...saved, content })).toEqual({ ...saved, content })
  })

  it.each([
    ["data.artifact.id", { artifact: { ...saved.artifact, id: "churn" } }],
    ["data.artifact.ordinal", { artifact: { ...saved.artifact, ordinal: -1 } }],
    ["data.artifact.ordinal", { artifact: { ...saved.artifact, ordinal: 0.5 } }],
    ["data.created", { created: false }],
    ["data.version.label", { version: { ...saved.version, label: 7 } }],
    ["data.type", { type: "models" }],
    ["data.saveType", { saveType: "Manual" }],
    ["data.content.digest", { content: { ...saved.content, digest: "AB".repeat(32) } }],
    ["data.content.size", { content: { ...saved.content, size: Number.NaN } }],
    [
      "data.content.entries[0].path",
      { content: { ...saved.content, entries: [{ ...file, path: "../a" }] } },
    ],
    [
      "data.content.entries[0].kind",
      { content: { ...saved.content, entries: [{ ...file, kind: "fifo" }] } },
    ],
    ["data.tags[0].id", { tags: [{ name: "x" }] }],
    ["data.metadata", { metadata: null }],
    ["data.metadata.a", { metadata: { a: undefined } }],
    ["data.inputs[0].artifactId", { inputs: [{ id: testId(1) }] }],
    ["data.producer.name", { producer: { run: "7" } }],
    ["data.surprise", { surprise: 1 }],
    ["data.description", { description: undefined }],
  ])("refuses a wrong %s", (path, wrong) => {
    const refused = check("version-saved", { ...saved, ...wrong })
    expect(refused).toBeInstanceOf(InvalidInput)
    expect(refused).toMatchObject({ path })
  })
})

describe("the schemas of the other events", () => {
  const { artifact } = saved
  const target = { artifact, version: saved.version }
  const none = { lost: [], leftOut: [], altered: [], contentLost: [] }
  const recovery = { source: testId(1), recoveredAt: 1, ...none }

  it.each<[keyof CoreEvents, unknown, string]>([
    ["ledger-created", { ledger: testId(1), format: 1, hash: "md5", chunking: {} }, "data.hash"],
    ["ledger-created", { ledger: testId(1), format: 1, hash: "sha256" }, "data.chunking"],
    ["ledger-recovered", { ...recovery, source: "churn" }, "data.source"],
    ["ledger-recovered", { ...recovery, lost: [{ from: 3 }] }, "data.lost[0].to"],
    ["ledger-recovered", { ...recovery, leftOut: [{ position: 3 }] }, "data.leftOut[0].type"],
    ["ledger-recovered", { ...recovery, contentLost: [{}] }, "data.contentLost[0].digest"],
    ["tag-defined", { tag: { id: testId(1) }, exclusive: true }, "data.tag.name"],
    ["tag-defined", { tag: { id: testId(1), name: "x" } }, "data.exclusive"],
    ["tags-added", { target: {}, tags: [] }, "data.target.artifact"],
    ["tags-removed", { target, tags: ["x"] }, "data.tags[0]"],
    ["metadata-logged", { target, values: [1] }, "data.values"],
    ["metadata-removed", { target, keys: [1] }, "data.keys[0]"],
    ["version-deleted", { target: { artifact } }, "data.target.version"],
    ["version-deleted", { target, forced: false }, "data.forced"],
    ["version-restored", { target }, "data.inputs"],
    ["artifact-deleted", { artifact, version: 1 }, "data.version"],
    ["artifact-restored", {}, "data.artifact"],
    ["hold-placed", { target: { artifact } }, "data.target.version"],
    ["hold-released", { target, held: true }, "data.held"],
    ["drift-observed", { target, same: 1, changed: 0, missing: 0, extra: 0 }, "data.entries"],
    ["content-swept", { versions: [target] }, "data.versions[0].digest"],
    ["request-settled", { command: "tag" }, "data.result"],
  ])("refuse %s %j", (type, data, path) => {
    expect(check(type, data)).toMatchObject({ _tag: "InvalidInput", path })
  })
})

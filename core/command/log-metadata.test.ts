/**
 * Logging metadata: given these events, when values are logged, then this fact or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { metadataKeyCountMax, metadataValueBytesMax, targetMetadataBytesMax } from "../limits.js"
import { dtype, type Metadata, path, storageSize, uri } from "../model/metadata.js"
import { pack } from "../model/msgpack.js"
import { findArtifact } from "../projection/resolve.js"
import { commandContract, given } from "./command.contract.js"
import { checkRoom, logMetadata } from "./log-metadata.js"

const story = (ledger: Recorder) => ledger.save("churn", { metadata: { accuracy: 0.9 } })
const ledger = () => given((recorder) => void story(recorder))
const target = story(new Recorder())

const every = {
  text: "é",
  number: 0.5,
  truth: false,
  nothing: null,
  big: -(2n ** 63n),
  when: new Date(7),
  bytes: Uint8Array.of(1, 2),
  list: [1, ["two"]],
  group: { "2024": 1, a: { b: 2 } },
  home: uri("a:b"),
  file: path("/a"),
  type: dtype("int8"),
  disk: storageSize(7),
}

commandContract(logMetadata, () => [
  [ledger(), { target: "churn", values: every }],
  [ledger(), { target: { artifact: "churn" }, values: { owner: "ann" }, expect: { position: 1 } }],
  [ledger(), { target: "churn", values: {} }],
  [ledger(), { target: "churn@2", values: { a: 1 } }],
])

const keys = (count: number, prefix = "k"): Metadata =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, index]))

describe("logging metadata", () => {
  it("records the values in their plain form, -0 as 0", () => {
    const values = { when: new Date(7), zero: -0, home: uri("a:b") }
    expect(ledger().when(logMetadata, { target: "churn", values })).toEqual({
      facts: [
        {
          type: "metadata-logged",
          data: {
            target,
            values: { when: { "": "date", value: 7 }, zero: 0, home: { "": "uri", value: "a:b" } },
          },
          subjects: [target.version.id, target.artifact.id],
        },
      ],
      result: null,
    })
  })

  it("is about the artifact alone where that is the target", () => {
    const { artifact } = target
    const decided = ledger().when(logMetadata, {
      target: { artifact: "churn" },
      values: { owner: 1 },
    })
    expect(decided).toMatchObject({
      facts: [{ data: { target: { artifact } }, subjects: [artifact.id] }],
    })
    expect(decided).not.toHaveProperty("facts.0.data.target.version")
  })

  it("logs a value again that is there already", () => {
    expect(
      ledger().when(logMetadata, { target: "churn", values: { accuracy: 0.9 } }),
    ).toMatchObject({ facts: [{ data: { values: { accuracy: 0.9 } } }] })
  })

  it("changes nothing without values", () => {
    expect(ledger().when(logMetadata, { target: "churn", values: {} })).toEqual({
      facts: [],
      result: null,
    })
  })

  it("records what the recorder of tests does by its own means", () => {
    const recorder = new Recorder()
    recorder.log(story(recorder), every)
    expect(ledger().done(logMetadata, { target: "churn", values: every })).toEqual([
      recorder.events.at(-1),
    ])
  })
})

describe("the keys of a target", () => {
  const full = () =>
    given((recorder) => void recorder.save("churn", { metadata: keys(metadataKeyCountMax - 1) }))

  it("are so many at most", () => {
    const log = (values: Metadata) => full().when(logMetadata, { target: "churn", values })
    expect(log({ one: 1 })).toMatchObject({ facts: [{}] })
    expect(log({ k0: 1, k1: 2, one: 1 })).toMatchObject({ facts: [{}] })
    expect(log({ one: 1, two: 2 })).toMatchObject({
      _tag: "LimitExceeded",
      limit: "metadataKeyCountMax",
      allowed: metadataKeyCountMax,
      actual: metadataKeyCountMax + 1,
    })
  })

  it("can always be logged again, however many there are", () => {
    const many = Object.fromEntries(Object.entries(keys(300)).map(([key]) => [key, 1]))
    expect(checkRoom(many, { k7: 2 })).toBeUndefined()
    expect(checkRoom(many, { more: 1 })).toMatchObject({ actual: 301 })
  })

  it("are told from what every object has", () => {
    const many = Object.fromEntries(Object.entries(keys(256)).map(([key]) => [key, 1]))
    expect(checkRoom(many, { constructor: 1 })).toMatchObject({ actual: 257 })
  })
})

describe("the bytes of a target's metadata", () => {
  // A key of two bytes behind one, a text behind three; all of it behind three.
  const value = (bytes: number) => "x".repeat(bytes - 6)

  /** A target with so many bytes of metadata, logged by several calls. */
  const holding = (bytes: number) => {
    const situation = given((ledger) => void ledger.save("big"))
    let left = bytes - 3
    for (let nth = 10; left > 0; nth += 1) {
      const part = Math.min(left, 16_000)
      situation.recorder.log(situation.recorder.artifact("big").name, { [nth]: value(part) })
      left -= part
    }
    return situation
  }

  const packed = (situation: ReturnType<typeof holding>) =>
    pack(findArtifact(situation.views, "big")?.metadata ?? {}).length

  it("have a bound of their own, whatever the calls that logged them", () => {
    const room = 1_000
    const situation = holding(targetMetadataBytesMax - room)
    expect(packed(situation)).toBe(targetMetadataBytesMax - room)
    const log = (values: Metadata) =>
      situation.when(logMetadata, { target: { artifact: "big" }, values })
    expect(log({ zz: value(room) })).toMatchObject({ facts: [{}] })
    expect(log({ zz: value(room + 1) })).toMatchObject({
      _tag: "LimitExceeded",
      limit: "targetMetadataBytesMax",
      allowed: targetMetadataBytesMax,
      actual: targetMetadataBytesMax + 1,
    })
    // In place of what a key had, not beside it.
    expect(log({ 10: value(16_300), 11: 1 })).toMatchObject({ facts: [{}] })
  })
})

describe("logging metadata is refused", () => {
  it.each([
    [{ target: "chrn", values: { a: 1 } }, { _tag: "ArtifactMissing" }],
    [{ target: "churn@2", values: { a: 1 } }, { _tag: "VersionMissing" }],
    [{ target: { tag: "x" }, values: { a: 1 } }, { _tag: "InvalidReference" }],
    [{ target: "churn", values: { a: 1 }, expect: { position: 0 } }, { actual: 1 }],
    [{ target: "churn", values: {}, expect: { latest: null } }, { actual: "1" }],
  ])("for %j", (input, refusal) => {
    expect(ledger().when(logMetadata, input)).toMatchObject(refusal)
  })

  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])

  it.each<[string, unknown, string]>([
    ["nothing", undefined, "values"],
    ["a list", [1], "values"],
    ["undefined", { a: undefined }, "values.a"],
    ["NaN", { scores: [1, Number.NaN] }, "values.scores[1]"],
    ["half a surrogate pair", { a: { b: "\ud800" } }, "values.a.b"],
    ["a function", { a: () => 1 }, "values.a"],
    ["a class", { a: new Map() }, "values.a"],
    ["an invalid date", { a: new Date(Number.NaN) }, "values.a"],
    ["a large integer", { a: 2n ** 64n }, "values.a"],
    ["__proto__", JSON.parse('{"a":{"__proto__":1}}'), "values.a.__proto__"],
    ["an empty key", { "": 1 }, 'values[""]'],
  ])("for a value of %s, naming the path", (_, values, at) => {
    expect(logMetadata.parse({ target: "churn", values })).toMatchObject({
      _tag: "InvalidInput",
      path: at,
    })
  })

  it.each<[string, unknown]>([
    ["metadataKeyCountMax", keys(metadataKeyCountMax + 1)],
    ["metadataValueBytesMax", { a: "x".repeat(metadataValueBytesMax + 1) }],
    ["metadataDepthMax", { a: deep(17) }],
    ["metadataBytesMax", Object.fromEntries([1, 2, 3, 4].map((n) => [n, "x".repeat(16_000)]))],
  ])("beyond %s", (limit, values) => {
    expect(logMetadata.parse({ target: "churn", values })).toMatchObject({
      _tag: "LimitExceeded",
      limit,
    })
  })
})

/**
 * Saving: given these events, when a version is saved, then one fact with everything, or a refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder, type SaveFacts, testId } from "../event/recorder.contract.js"
import { metadataKeyCountMax, recordBytesMax, targetMetadataBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { encodeMetadata, type Metadata, type PlainMetadata } from "../model/metadata.js"
import { type Plain, pack } from "../model/msgpack.js"
import { parseReference, type Reference } from "../model/reference.js"
import { commandContract, freshTestId, type Given, given } from "./command.contract.js"
import { deletion } from "./delete.js"
import { type SaveInput, saveVersion } from "./save-version.js"
import { tag } from "./tag.js"

const id = testId(777)

interface Asked extends Partial<Pick<SaveInput, "label" | "tags" | "expect" | "reuse">> {
  readonly content?: string
  readonly metadata?: Metadata
  readonly automatic?: Metadata
  readonly inputs?: ReadonlyArray<readonly [reference: Reference, as?: string]>
}

/** What intake makes of a call. */
const saving = (name: string, asked: Asked = {}): SaveInput => {
  const { content = "new", metadata = {}, automatic = {}, inputs = [], ...rest } = asked
  const bytes = Buffer.from(content)
  return {
    id,
    name,
    tags: [],
    ...rest,
    saved: {
      type: "data",
      saveType: "manual",
      content: { digest: digestOf(bytes), size: bytes.length, count: 1 },
    },
    materializer: "text@1",
    metadata: encodeMetadata(metadata, "metadata"),
    automatic: encodeMetadata(automatic, "automatic"),
    inputs: inputs.map(([reference, as]) => {
      const parsed = parseReference(reference)
      if ("problem" in parsed) throw new Error(parsed.problem)
      return { reference: parsed, ...(as === undefined ? {} : { as }) }
    }),
  }
}

const story = (ledger: Recorder) => {
  const feed = ledger.save("feed")
  const one = ledger.save("churn", { content: "old", metadata: { rows: 7 } })
  ledger.defineTag("production", { exclusive: true })
  ledger.tag(one, "production")
  return { feed, one }
}
const ledger = () => given((recorder) => void story(recorder))
const { feed, one } = story(new Recorder())

/** The fact of a save, or what it was refused with. */
const save = (situation: Given, name: string, asked: Asked = {}) => {
  const decided = situation.when(saveVersion, saving(name, asked))
  return decided instanceof Error ? decided : decided.facts[0]
}

const labels = (...saves: ReadonlyArray<SaveFacts>): Given =>
  given((recorder) => {
    for (const facts of saves) recorder.save("churn", facts)
  })

commandContract(
  saveVersion,
  () => [
    [ledger(), saving("new", { tags: ["a", "production"], metadata: { when: new Date(0) } })],
    [ledger(), saving("churn", { inputs: [["feed"], ["churn@1", "base"]], tags: ["production"] })],
    [ledger(), saving("churn", { content: "old", reuse: true, tags: ["a"] })],
    [ledger(), saving("churn", { content: "old", reuse: true, metadata: { rows: 8 } })],
    [ledger(), saving("churn", { content: "old", reuse: true })],
    [ledger(), saving("churn", { label: "1" })],
  ],
  { trusting: true },
)

describe("saving", () => {
  it("makes the artifact with its first version, in one fact", () => {
    const [artifactId, tagId] = [freshTestId(1), freshTestId(2)]
    const artifact = { id: artifactId, name: "new", ordinal: 3 }
    const { saved, materializer } = saving("new")
    expect(
      ledger().when(
        saveVersion,
        saving("new", { tags: ["a"], metadata: { a: 1 }, automatic: { a: 2, size: 3 } }),
      ),
    ).toEqual({
      facts: [
        {
          type: "version-saved",
          data: {
            artifact,
            created: true,
            version: { id, label: "1", ordinal: 1 },
            ...saved,
            materializer,
            tags: [{ id: tagId, name: "a", created: true }],
            metadata: { size: 3, a: 1 },
            inputs: [],
          },
          subjects: [id, artifactId, tagId],
        },
      ],
      result: id,
    })
  })

  it("makes the next version of an artifact that is there", () => {
    expect(save(ledger(), "churn")).toMatchObject({
      data: { artifact: one.artifact, version: { id, label: "2", ordinal: 2 } },
      subjects: [id, one.artifact.id],
    })
    expect(save(ledger(), "churn")).not.toHaveProperty("data.created")
  })

  it("records what the recorder of tests does by its own means", () => {
    const recorder = new Recorder()
    const told = story(recorder)
    recorder.save("churn", { id, tags: ["production"], inputs: [told.feed], content: "new" })
    const asked: Asked = { tags: ["production"], inputs: [["feed@1"]] }
    const events = ledger().done(saveVersion, saving("churn", asked))
    expect(events).toEqual([{ ...recorder.events.at(-1), id: events[0]?.id }])
  })

  it("moves an exclusive tag from its holder", () => {
    expect(save(ledger(), "churn", { tags: ["production"] })).toMatchObject({
      data: { tags: [{ name: "production", exclusive: true, from: one }] },
      subjects: expect.arrayContaining([one.version.id]),
    })
  })

  it("saves the same content again unless told to reuse it", () => {
    expect(save(ledger(), "churn", { content: "old" })).toMatchObject({ type: "version-saved" })
  })
})

describe("the label", () => {
  it.each<[string, ReadonlyArray<SaveFacts>, string]>([
    ["is 1 at first", [], "1"],
    ["counts up", [{}, {}], "3"],
    ["follows the highest number ever used", [{ label: "44" }], "45"],
    ["does not follow the last one", [{ label: "44" }, { label: "7" }], "45"],
    ["passes over words", [{}, { label: "raw_2023" }], "2"],
    ["passes over what is no canonical integer", [{ label: "007" }, { label: "1.5" }], "1"],
  ])("%s", (_, saves, label) => {
    expect(save(labels(...saves), "churn")).toMatchObject({ data: { version: { label } } })
  })

  it("is not used again after a deletion", () => {
    const situation = labels({}, {})
    situation.done(deletion, { target: "churn@2" })
    expect(save(situation, "churn")).toMatchObject({
      data: { version: { label: "3", ordinal: 3 } },
    })
    expect(save(situation, "churn", { label: "2" })).toMatchObject({ _tag: "VersionExists" })
  })

  it("can be chosen, and moves the counter when it is a number", () => {
    const situation = labels({})
    situation.done(saveVersion, saving("churn", { label: "44" }))
    expect(save(situation, "churn")).toMatchObject({
      data: { version: { label: "45", ordinal: 3 } },
    })
    expect(save(situation, "churn", { label: "44" })).toMatchObject({ _tag: "VersionExists" })
    expect(save(situation, "churn", { label: "7" })).toMatchObject({
      data: { version: { label: "7" } },
    })
  })

  it("ends at the largest number", () => {
    const last = String(Number.MAX_SAFE_INTEGER)
    expect(save(labels({ label: String(Number.MAX_SAFE_INTEGER - 1) }), "churn")).toMatchObject({
      data: { version: { label: last } },
    })
    expect(save(labels({ label: last }), "churn")).toMatchObject({
      _tag: "LimitExceeded",
      limit: "versionNumberMax",
      allowed: Number.MAX_SAFE_INTEGER,
    })
    expect(save(labels({ label: last }), "churn", { label: "word" })).toMatchObject({
      data: { version: { label: "word" } },
    })
  })

  it("that is used is refused, that of a deleted version included", () => {
    const situation = labels({}, { label: "raw" })
    situation.done(deletion, { target: "churn@raw" })
    for (const label of ["1", "raw"])
      expect(save(situation, "churn", { label })).toMatchObject({
        _tag: "VersionExists",
        artifact: "churn",
        version: label,
      })
    expect(save(situation, "churn", { label: "Raw" })).toMatchObject({ type: "version-saved" })
  })

  it("that is an exclusive tag of the artifact is refused", () => {
    expect(save(ledger(), "churn", { label: "production" })).toMatchObject({
      _tag: "NameTaken",
      taken: "production",
      holders: ["churn@production"],
    })
    expect(save(ledger(), "feed", { label: "production" })).toMatchObject({
      data: { version: { label: "production" } },
    })
  })

  it("cannot be the exclusive tag that the version is to hold", () => {
    for (const name of ["feed", "brand new"])
      expect(save(ledger(), name, { label: "production", tags: ["production"] })).toMatchObject({
        _tag: "NameTaken",
      })
    expect(save(ledger(), "feed", { label: "plain", tags: ["plain"] })).toMatchObject({
      type: "version-saved",
    })
  })
})

describe("a deleted artifact", () => {
  it("keeps its name", () => {
    const situation = ledger()
    situation.recorder.delete("churn")
    expect(save(situation, "churn", { label: "9" })).toMatchObject({
      _tag: "NameTaken",
      taken: "churn",
      holders: [one.artifact.id],
    })
  })
})

describe("the inputs", () => {
  it("are resolved to ids, whatever form they have", () => {
    const asked: Asked = {
      inputs: [["feed", "training"], ["churn@production"], [{ id: one.version.id }, "base"]],
    }
    const churn = { id: one.version.id, artifactId: one.artifact.id }
    expect(save(ledger(), "report", asked)).toMatchObject({
      data: {
        inputs: [
          { id: feed.version.id, artifactId: feed.artifact.id, as: "training" },
          churn,
          { ...churn, as: "base" },
        ],
      },
    })
  })

  it("are named once for each role", () => {
    const asked: Asked = { inputs: [["feed"], ["feed@1"], ["feed", "a"], ["feed@1", "a"]] }
    expect(save(ledger(), "report", asked)).toMatchObject({
      data: { inputs: [{ id: feed.version.id }, { id: feed.version.id, as: "a" }] },
    })
    expect(save(ledger(), "report", asked)).not.toHaveProperty("data.inputs.2")
  })

  it.each<[Reference, string]>([
    ["feed@9", "VersionMissing"],
    ["food", "ArtifactMissing"],
    [id, "VersionMissing"],
  ])("that are not there refuse the save: %j", (reference, refusal) => {
    expect(save(ledger(), "churn", { inputs: [[reference]] })).toMatchObject({ _tag: refusal })
  })

  it("that are deleted refuse the save", () => {
    const situation = ledger()
    situation.recorder.delete(feed)
    const asked: Asked = { inputs: [[feed.version.id]] }
    expect(save(situation, "churn", asked)).toMatchObject({ _tag: "VersionMissing" })
  })
})

describe("metadata", () => {
  const keys = (count: number, prefix: string): Metadata =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, index]))

  it("that was read off the value gives way when there is no room", () => {
    const metadata = keys(metadataKeyCountMax - 1, "own")
    const automatic = { own0: "yields", one: 1, two: 2 }
    const fact = save(ledger(), "churn", { metadata, automatic })
    expect(fact).toHaveProperty("data.metadata", { ...metadata, one: 1 })
  })
})

describe("metadata of a save that fills its record", () => {
  const feeds = 256
  const situation = given((ledger) => {
    for (let nth = 0; nth < feeds; nth += 1) ledger.save("feed")
  })
  const inputs: Asked["inputs"] = Array.from({ length: feeds }, (_, nth) => [`feed@${nth + 1}`])
  // The values of a table: columns with their statistics.
  const automatic = { columns: Array.from({ length: 64 }, (_, nth) => ({ nth, mean: nth / 7 })) }
  const saved = (bytes: number) => {
    const own = { a: "x".repeat(16_000), b: "x".repeat(16_000), c: "x".repeat(bytes - 32_000) }
    return save(situation, "table", { metadata: own, automatic, inputs }) as {
      readonly data: { readonly metadata: PlainMetadata }
    }
  }

  it("is what the caller gave alone where the automatic values would not fit", () => {
    // 65,535 bytes: 44,004 of texts, 256 inputs of 69, 1,212 of columns, 275 of other data, and
    // 2,380 for the longest envelope.
    for (const [bytes, kept] of [
      [40_000, true],
      [44_004, true],
      [44_005, false],
      [45_000, false],
    ] as const) {
      const { data } = saved(bytes)
      expect(Object.hasOwn(data.metadata, "columns"), String(bytes)).toBe(kept)
      expect(Object.keys(data.metadata)).toHaveLength(kept ? 4 : 3)
      expect(pack(data as unknown as Plain).length).toBeLessThan(recordBytesMax)
    }
  })
})

describe("reuse", () => {
  it("has no room beyond the bytes of a target's metadata", () => {
    const parts = Object.fromEntries(
      Array.from({ length: 16 }, (_, nth) => [`k${nth}`, "x".repeat(16_000)]),
    )
    const situation = given((ledger) => {
      const target = ledger.save("big", { content: "old" })
      for (const [key, value] of Object.entries(parts)) ledger.log(target, { [key]: value })
    })
    const room = targetMetadataBytesMax - pack(parts).length
    const saveMore = (bytes: number) => {
      // A key of two bytes, and a text behind three.
      const metadata = { z: "x".repeat(bytes - 5) }
      return situation.when(saveVersion, saving("big", { content: "old", reuse: true, metadata }))
    }
    // A map of 17 members has three bytes before them, as one of 16 has.
    expect(saveMore(room)).toMatchObject({ facts: [{ type: "metadata-logged" }] })
    expect(saveMore(room + 1)).toMatchObject({
      _tag: "LimitExceeded",
      limit: "targetMetadataBytesMax",
      actual: targetMetadataBytesMax + 1,
    })
  })

  const again = (asked: Asked = {}) => saving("churn", { content: "old", reuse: true, ...asked })

  it("of unchanged content gives the version that is there", () => {
    for (const label of [undefined, "1"])
      expect(ledger().when(saveVersion, again(label === undefined ? {} : { label }))).toEqual({
        facts: [],
        result: one.version.id,
      })
  })

  it("puts tags and metadata that differ on it", () => {
    const asked: Asked = { tags: ["production", "a"], metadata: { rows: 7, note: null } }
    expect(ledger().when(saveVersion, again(asked))).toEqual({
      facts: [
        {
          type: "tags-added",
          data: { target: one, tags: [{ id: freshTestId(1), name: "a", created: true }] },
          subjects: [one.version.id, one.artifact.id, freshTestId(1)],
        },
        {
          type: "metadata-logged",
          data: { target: one, values: { note: null } },
          subjects: [one.version.id, one.artifact.id],
        },
      ],
      result: one.version.id,
    })
  })

  it.each([
    [{ rows: 7 }, []],
    [{ rows: 7n }, ["metadata-logged"]],
    [{ rows: "7" }, ["metadata-logged"]],
    [{ constructor: 1 }, ["metadata-logged"]],
  ])("logs the metadata %o only where it differs", (metadata, types) => {
    const decided = ledger().when(saveVersion, again({ metadata }))
    expect(decided instanceof Error ? decided : decided.facts.map(({ type }) => type)).toEqual(
      types,
    )
  })

  it("ignores what was read off the value", () => {
    expect(ledger().when(saveVersion, again({ automatic: { rows: 9 } }))).toMatchObject({
      facts: [],
    })
  })

  it("is not for other content, another label, or a content that is not the latest", () => {
    const newer = { type: "version-saved", data: { version: { id } } }
    expect(save(ledger(), "churn", { content: "other", reuse: true })).toMatchObject(newer)
    expect(save(ledger(), "churn", { content: "old", label: "9", reuse: true })).toMatchObject(
      newer,
    )
    expect(save(ledger(), "new", { content: "old", reuse: true })).toMatchObject(newer)
    const parsed = again()
    const read = { ...parsed, materializer: "own@1" }
    expect(ledger().when(saveVersion, read)).toMatchObject({ facts: [newer] })
    const moved = ledger()
    const next = moved.recorder.save("churn", { content: "between" })
    expect(save(moved, "churn", { content: "old", reuse: true })).toMatchObject(newer)
    moved.recorder.delete(next)
    expect(moved.when(saveVersion, again())).toMatchObject({ facts: [], result: one.version.id })
  })

  it("does not give a version more keys than it may have", () => {
    const full = given((recorder) => {
      const metadata = Array.from({ length: metadataKeyCountMax }, (_, index) => [`k${index}`, 1])
      recorder.save("churn", { content: "old", metadata: Object.fromEntries(metadata) })
    })
    expect(full.when(saveVersion, again({ metadata: { k0: 2 } }))).toMatchObject({ facts: [{}] })
    expect(full.when(saveVersion, again({ metadata: { more: 2 } }))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "metadataKeyCountMax",
      actual: metadataKeyCountMax + 1,
    })
  })

  it("is refused a tag that the version cannot hold", () => {
    const labelled = labels({ label: "best", content: "old" })
    labelled.recorder.defineTag("best", { exclusive: true })
    expect(labelled.when(saveVersion, again({ tags: ["best"] }))).toMatchObject({
      _tag: "NameTaken",
    })
  })
})

describe("an expectation", () => {
  it.each<[string, Asked["expect"], object]>([
    ["churn", { latest: "1" }, { type: "version-saved" }],
    ["churn", { latest: null }, { _tag: "ExpectationFailed", actual: "1" }],
    ["churn", { position: 4 }, { type: "version-saved" }],
    ["churn", { position: 2 }, { _tag: "ExpectationFailed", actual: 4 }],
    ["new", { position: 0, latest: null }, { type: "version-saved" }],
    ["new", { latest: "1" }, { _tag: "ExpectationFailed", actual: null }],
    ["churn", { holder: "1" }, { _tag: "InvalidInput", path: "expect.holder" }],
  ])("of a save of %s: %j", (name, expect_, outcome) => {
    const asked = expect_ === undefined ? {} : { expect: expect_ }
    expect(save(ledger(), name, asked)).toMatchObject(outcome)
  })

  it("of a holder goes with the one tag of the save", () => {
    const tags = ["production"]
    expect(save(ledger(), "churn", { tags, expect: { holder: "1" } })).toMatchObject({
      type: "version-saved",
    })
    expect(save(ledger(), "churn", { tags, expect: { holder: null } })).toMatchObject({
      expectation: "holder",
      actual: "1",
    })
    expect(save(ledger(), "new", { tags, expect: { holder: null } })).toMatchObject({
      type: "version-saved",
    })
  })

  it("comes before reuse", () => {
    const asked: Asked = { content: "old", reuse: true, expect: { latest: null } }
    expect(save(ledger(), "churn", asked)).toMatchObject({ _tag: "ExpectationFailed" })
  })
})

describe("the result of a save", () => {
  const recall = (events: Parameters<NonNullable<typeof saveVersion.recall>>[0]): Plain =>
    saveVersion.recall?.(events) ?? null

  it("is found in whatever the save recorded", () => {
    const situation = ledger()
    expect(recall(situation.done(saveVersion, saving("churn")))).toBe(id)
    const again = saving("churn", { reuse: true, tags: ["a"], metadata: { a: 1 } })
    const both = situation.done(saveVersion, again)
    expect(both.map(({ type }) => type)).toEqual(["tags-added", "metadata-logged"])
    expect([recall(both), recall(both.slice(1))]).toEqual([id, id])
  })

  it("is none where nothing of a save was recorded", () => {
    const situation = ledger()
    const [event] = situation.done(tag, { target: { artifact: "churn" }, tags: "x" })
    expect([recall([]), recall(event === undefined ? [] : [event])]).toEqual([null, null])
  })
})

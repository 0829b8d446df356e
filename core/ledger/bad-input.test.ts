/**
 * Bad names, references and options, on every operation: whatever it is, the answer is a typed
 * error that names the part, and nothing is stored.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"
import {
  type Call,
  hostile,
  huge,
  type Loose,
  nonText,
  offences,
  throwing,
} from "./refused.contract.js"

let ledger: PromiseLedger
let loose: Loose
let id = ""

beforeAll(async () => {
  ledger = await openLedger({ memory: true })
  loose = ledger as unknown as Loose
  id = (await ledger.save("a", 1, { tags: "t" })).id
  await ledger.defineTag("alias", { exclusive: true })
})
afterAll(() => ledger.close())

const call =
  (name: string, ...args: ReadonlyArray<unknown>): Call =>
  () =>
    loose[name]?.(...args)

const check = async (calls: Readonly<Record<string, Call>>): Promise<void> =>
  expect(await offences(calls, ledger)).toEqual([])

const badTexts: Readonly<Record<string, unknown>> = {
  "the empty string": "",
  "white space around": " a",
  "a control character": "a\u0000",
  "the shape of an id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "another normal form": "e\u0301",
  "half a pair": "half \ud800",
  __proto__: "__proto__",
  "256 bytes": "x".repeat(256),
  "a million characters": huge,
}

const badNames = Object.entries({ ...nonText, ...badTexts, "nothing at all": undefined })

describe.each(badNames)("a name that is %s", (_, bad) => {
  const of = { artifact: bad }

  it("is refused as that of an artifact", async () => {
    await check({
      save: call("save", bad, 1),
      saveAll: call("saveAll", [{ name: bad, value: 1 }]),
      batch: call("batch", (b: Loose) => b.save?.(bad, 1)),
      artifact: call("artifact", bad),
      findArtifact: call("findArtifact", bad),
      metadataSeries: call("metadataSeries", bad, "key"),
      tag: call("tag", of, "t"),
      untag: call("untag", of, "t"),
      logMetadata: call("logMetadata", of, { n: 1 }),
      removeMetadata: call("removeMetadata", of, "n"),
      delete: call("delete", of),
      restore: call("restore", of),
      history: call("history", of),
      metadataHistory: call("metadataHistory", of),
    })
  })

  it("is refused as that of a tag", async () => {
    await check({
      tag: call("tag", "a", bad),
      "tag, one of two": call("tag", "a", ["fine", bad]),
      untag: call("untag", "a", bad),
      defineTag: call("defineTag", bad),
      findTag: call("findTag", bad),
      "save with it": call("save", "a", 1, { tags: [bad] }),
      "tag in a batch": call("batch", (b: Loose) => b.tag?.("a", bad)),
      history: call("history", { tag: bad }),
      listVersions: call("listVersions", { tags: { all: [bad] } }),
      listArtifacts: call("listArtifacts", { tags: { any: [bad] } }),
    })
  })
})

const badKeys = Object.entries({ ...nonText, "the empty string": "", "256 bytes": "x".repeat(256) })

describe.each(badKeys)("a key of metadata that is %s", (_, bad) => {
  it("is refused", async () => {
    await check({
      metadataHistory: call("metadataHistory", "a", bad),
      metadataSeries: call("metadataSeries", "a", bad),
      removeMetadata: call("removeMetadata", "a", bad),
      "removeMetadata, one of two": call("removeMetadata", "a", ["fine", bad]),
    })
  })
})

const badReferences = Object.entries({
  ...nonText,
  ...badTexts,
  "nothing at all": undefined,
  "a list": ["a"],
  "no name before the at": "@1",
  "no label behind the at": "a@",
  "two ats": "a@b@c",
  "a label that is white space": "a@ ",
  "a label with half a pair": "a@\udc00",
  "a record with another key": { name: "a", extra: 1 },
  "a record with a bad label": { name: "a", version: {} },
  "a record with a bad name": { name: 5 },
  "an id that is none": { id: "x" },
  "an id of another type": { id: 5 },
  "a name that throws": throwing("name"),
  "an id that throws": throwing("id"),
  "a label that is a symbol": { name: "a", version: Symbol("s") },
  "a label that is not a number": { name: "a", version: Number.NaN },
})

describe.each(badReferences)("a reference that is %s", (_, bad) => {
  it("is refused by every operation", async () => {
    const file = join(temporary(), "x.zip")
    const found = await offences(
      {
        get: call("get", bad),
        find: call("find", bad),
        load: call("load", bad),
        "load with a label": call("load", bad, { version: 1 }),
        open: call("open", bad),
        zip: call("zip", bad),
        download: call("download", bad, file),
        tag: call("tag", bad, "t"),
        untag: call("untag", bad, "t"),
        logMetadata: call("logMetadata", bad, { n: 1 }),
        removeMetadata: call("removeMetadata", bad, "n"),
        delete: call("delete", bad),
        restore: call("restore", bad),
        history: call("history", bad),
        metadataHistory: call("metadataHistory", bad),
        "an input": call("save", "b", 1, { inputs: [bad] }),
        "an input with a role": call("save", "b", 1, { inputs: [{ version: bad, as: "role" }] }),
        "tag in a batch": call("batch", (b: Loose) => b.tag?.(bad, "t")),
        "replay of it": call("replay", { target: bad === undefined ? null : bad }),
        "get as of then": () => (ledger.asOf(1) as unknown as Loose).get?.(bad),
      },
      ledger,
    )
    // What has the shape of an id may be one: then it is missing, which `find` does not mind.
    expect(found.filter((offence) => !offence.startsWith("find: undefined"))).toEqual([])
    expect(readdirSync(join(file, ".."))).toEqual([])
  })
})

describe("options", () => {
  const option: Readonly<Record<string, unknown>> = {
    "one that is unknown": { tgas: "t" },
    "one with a huge name": { [huge]: 1 },
    null: null,
    "a number": 5,
    "a text": "x",
    "a list": [{}],
    "a symbol": Symbol("s"),
    "a throwing getter": throwing("signal"),
    "a hostile proxy": hostile(),
    "a signal that is none": { signal: { aborted: false } },
  }

  it.each(Object.entries(option))("that are %s are refused everywhere", async (_, bad) => {
    const file = join(temporary(), "x.zip")
    await check({
      save: call("save", "a", 1, bad),
      saveAll: call("saveAll", [{ name: "a", value: 1 }], bad),
      batch: call("batch", (b: Loose) => b.save?.("a", 1), bad),
      "a save of a batch": call("batch", (b: Loose) => b.save?.("a", 1, bad)),
      "a tag of a batch": call("batch", (b: Loose) => b.defineTag?.("new", bad)),
      tag: call("tag", "a", "u", bad),
      untag: call("untag", "a", "t", bad),
      defineTag: call("defineTag", "new", bad),
      logMetadata: call("logMetadata", "a", { n: 1 }, bad),
      removeMetadata: call("removeMetadata", "a", "n", bad),
      delete: call("delete", id, bad),
      restore: call("restore", id, bad),
      load: call("load", "a", bad),
      open: call("open", "a", undefined, bad),
      zip: call("zip", "a", bad),
      download: call("download", "a", file, bad),
    })
    expect(readdirSync(join(file, ".."))).toEqual([])
  })

  it("that a write cannot heed are refused, not passed over", async () => {
    await check({
      "expect of defineTag": call("defineTag", "new", { expect: { position: 1 } }),
      "expect of saveAll": call("saveAll", [], { expect: {} }),
      "expect of batch": call("batch", () => undefined, { expect: {} }),
      "reuse in a batch": call("batch", (b: Loose) => b.save?.("a", 1, { reuse: "content" })),
      "a key in a batch": call("batch", (b: Loose) => b.save?.("a", 1, { idempotencyKey: "k" })),
      "a reason in saveAll": call("saveAll", [{ name: "a", value: 1, reason: "r" }]),
      "force of tag": call("tag", "a", "u", { force: true }),
    })
  })

  const writes: Readonly<Record<string, unknown>> = {
    "an empty key": { idempotencyKey: "" },
    "a key that is a number": { idempotencyKey: 5 },
    "a key with a control character": { idempotencyKey: "k\n" },
    "a long key": { idempotencyKey: "k".repeat(256) },
    "a reason that is no text": { reason: {} },
    "a long reason": { reason: "r".repeat(1_025) },
    "a reason with half a pair": { reason: "\ud800" },
  }

  it.each(Object.entries(writes))("of writes: %s", async (_, bad) => {
    await check({
      save: call("save", "a", 1, bad),
      saveAll: call("saveAll", [{ name: "a", value: 1 }], bad),
      batch: call("batch", (b: Loose) => b.save?.("a", 1), bad),
      tag: call("tag", "a", "u", bad),
      defineTag: call("defineTag", "new", bad),
      logMetadata: call("logMetadata", "a", { n: 1 }, bad),
      delete: call("delete", id, bad),
    })
  })
})

describe("options of a save", () => {
  const bad: Readonly<Record<string, object>> = {
    "the reserved label": { version: "latest" },
    "an empty label": { version: "" },
    "a label with an at sign": { version: "a@b" },
    "a label that is no number": { version: Number.NaN },
    "a negative label": { version: -1 },
    "a label that is a fraction": { version: 1.5 },
    "a label that is zero": { version: 0 },
    "a label beyond all numbers": { version: 2 ** 53 },
    "a label of digits beyond all numbers": { version: "9007199254740992" },
    "a label that is an object": { version: {} },
    "33 tags": { tags: Array.from({ length: 33 }, (_, index) => `t${index}`) },
    "tags with a hole": { tags: Array(1) },
    "the reserved tag": { tags: "latest" },
    "a tag that is a number": { tags: "12" },
    "an unknown type": { type: "vibe" },
    "an unknown save type": { saveType: "vibe" },
    "an unknown materializer": { materializer: "pickle" },
    "a materializer that is a number": { materializer: 5 },
    "a materializer that can do nothing": { materializer: {} },
    "a materializer that does not take the value": { materializer: "ndarray" },
    "inputs that are no list": { inputs: "a" },
    "inputs with a hole": { inputs: Array(1) },
    "257 inputs": { inputs: Array(257).fill("a") },
    "an input that is missing": { inputs: ["nothing"] },
    "a role that is no text": { inputs: [{ version: "a", as: 5 }] },
    "a role that is long": { inputs: [{ version: "a", as: "r".repeat(256) }] },
    "a producer that is a number": { producer: 5 },
    "a producer without a name": { producer: { run: "r" } },
    "a producer with a bad step": { producer: { name: "p", step: 5 } },
    "a producer that throws": { producer: throwing("name") },
    "a description that is no text": { description: 5 },
    "a long description": { description: "d".repeat(4_097) },
    "another reuse": { reuse: "always" },
    "an expectation that is none": { expect: 5 },
    "an unknown expectation": { expect: { latst: "1" } },
    "an expected position that is no number": { expect: { position: "1" } },
    "an expected holder of no tag": { expect: { holder: "1" } },
    "an expectation that throws": { expect: throwing("latest") },
  }

  it.each(Object.entries(bad))("%s", async (_, options) => {
    await check({
      save: call("save", "b", 1, options),
      saveAll: call("saveAll", [{ name: "b", value: 1, ...options }]),
      batch: call("batch", (b: Loose) => b.save?.("b", 1, options)),
    })
  })
})

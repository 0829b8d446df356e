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
  beyond,
  type Call,
  type Expected,
  hostile,
  huge,
  invalid,
  type Loose,
  nonText,
  offences,
  type Refused,
  shown,
  throwing,
  unreadable,
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

const check = async (calls: Readonly<Record<string, Refused>>): Promise<void> =>
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
  const target = unreadable(typeof bad === "string" ? shown(bad) : "an object of no known form")

  it("is refused as that of an artifact", async () => {
    await check({
      save: ["name", call("save", bad, 1)],
      saveAll: ["name", call("saveAll", [{ name: bad, value: 1 }])],
      batch: ["name", call("batch", (b: Loose) => b.save?.(bad, 1))],
      artifact: ["artifact", call("artifact", bad)],
      findArtifact: ["artifact", call("findArtifact", bad)],
      metadataSeries: ["artifact", call("metadataSeries", bad, "key")],
      tag: [target, call("tag", of, "t")],
      untag: [target, call("untag", of, "t")],
      logMetadata: [target, call("logMetadata", of, { n: 1 })],
      removeMetadata: [target, call("removeMetadata", of, "n")],
      delete: [target, call("delete", of)],
      restore: [target, call("restore", of)],
      hold: [target, call("hold", of)],
      release: [target, call("release", of)],
      history: [target, call("history", of)],
      metadataHistory: [target, call("metadataHistory", of)],
    })
  })

  it("is refused as that of a tag", async () => {
    await check({
      tag: ["tags", call("tag", "a", bad)],
      "tag, one of two": ["tags[1]", call("tag", "a", ["fine", bad])],
      untag: ["tags", call("untag", "a", bad)],
      defineTag: ["name", call("defineTag", bad)],
      findTag: ["tag", call("findTag", bad)],
      "save with it": ["options.tags[0]", call("save", "a", 1, { tags: [bad] })],
      "tag in a batch": ["tags", call("batch", (b: Loose) => b.tag?.("a", bad))],
      history: [target, call("history", { tag: bad })],
      ...(bad === undefined ? {} : { replay: [invalid, call("replay", { tag: bad })] }),
      listVersions: [invalid, call("listVersions", { tags: { all: [bad] } })],
      listArtifacts: [invalid, call("listArtifacts", { tags: { any: [bad] } })],
    })
  })
})

const badKeys = Object.entries({ ...nonText, "the empty string": "", "256 bytes": "x".repeat(256) })

describe.each(badKeys)("a key of metadata that is %s", (_, bad) => {
  it("is refused", async () => {
    await check({
      metadataHistory: ["key", call("metadataHistory", "a", bad)],
      metadataSeries: ["key", call("metadataSeries", "a", bad)],
      removeMetadata: ["keys[0]", call("removeMetadata", "a", bad)],
      "removeMetadata, one of two": ["keys[1]", call("removeMetadata", "a", ["fine", bad])],
    })
  })
})

const formless = "an object of no known form"

/** What is no reference, and what an error shows of it. */
const badReferences: Readonly<Record<string, readonly [string, unknown]>> = {
  "a number": ["5", 5],
  null: ["null", null],
  "an object": [formless, {}],
  "a map": [formless, new Map()],
  "a symbol": ["Symbol(s)", Symbol("s")],
  "a function": ["a function", () => "a"],
  "a bigint": ["2", 2n],
  "a throwing getter": [formless, throwing()],
  "nothing at all": ["undefined", undefined],
  "the empty string": ["", ""],
  "white space around": [" a", " a"],
  "a control character": ["a\u0000", "a\u0000"],
  "another normal form": ["e\u0301", "e\u0301"],
  "half a pair": ["half \ufffd", "half \ud800"],
  "256 bytes": ["x".repeat(256), "x".repeat(256)],
  "a million characters": ["x".repeat(510), huge],
  "a list": [formless, ["a"]],
  "no name before the at": ["@1", "@1"],
  "no label behind the at": ["a@", "a@"],
  "two ats": ["a@b@c", "a@b@c"],
  "a label that is white space": ["a@ ", "a@ "],
  "a label with half a pair": ["a@\ufffd", "a@\udc00"],
  "a record with another key": ["a", { name: "a", extra: 1 }],
  "a record with a bad label": ["a", { name: "a", version: {} }],
  "a record with a bad name": [formless, { name: 5 }],
  "an id that is none": ["x", { id: "x" }],
  "an id of another type": [formless, { id: 5 }],
  "a name that throws": ["", throwing("name")],
  "an id that throws": ["", throwing("id")],
  "a label that is a symbol": ["a", { name: "a", version: Symbol("s") }],
}

describe.each(Object.entries(badReferences))("a reference that is %s", (_, [reference, bad]) => {
  const expected = unreadable(reference)
  // A label of its own goes with a bare name.
  const isBare = typeof bad === "string" && !bad.includes("@")
  const labelled = isBare ? unreadable(shown(`${bad}@1`)) : "options.version"

  it("is refused by every operation", async () => {
    const file = join(temporary(), "x.zip")
    await check({
      get: [expected, call("get", bad)],
      find: [expected, call("find", bad)],
      load: [expected, call("load", bad)],
      "load with a label": [labelled, call("load", bad, { version: 1 })],
      open: [expected, call("open", bad)],
      // Archives are of one version or of a list.
      ...(Array.isArray(bad)
        ? {}
        : {
            zip: [expected, call("zip", bad)],
            download: [expected, call("download", bad, file)],
          }),
      "zip of several": [expected, call("zip", ["a", bad])],
      "download of several": [expected, call("download", ["a", bad], file)],
      tag: [expected, call("tag", bad, "t")],
      untag: [expected, call("untag", bad, "t")],
      logMetadata: [expected, call("logMetadata", bad, { n: 1 })],
      removeMetadata: [expected, call("removeMetadata", bad, "n")],
      delete: [expected, call("delete", bad)],
      restore: [expected, call("restore", bad)],
      hold: [expected, call("hold", bad)],
      release: [expected, call("release", bad)],
      "hold in a batch": [expected, call("batch", (b: Loose) => b.hold?.(bad))],
      history: [expected, call("history", bad)],
      metadataHistory: [expected, call("metadataHistory", bad)],
      "an input": [expected, call("save", "b", 1, { inputs: [bad] })],
      "an input with a role": [
        expected,
        call("save", "b", 1, { inputs: [{ version: bad, as: "role" }] }),
      ],
      "tag in a batch": [expected, call("batch", (b: Loose) => b.tag?.(bad, "t"))],
      ...(bad === undefined ? {} : { "replay of it": [expected, call("replay", { target: bad })] }),
      "get as of then": [expected, () => (ledger.asOf(1) as unknown as Loose).get?.(bad)],
    })
    expect(readdirSync(join(file, ".."))).toEqual([])
  })
})

describe("a reference that could be one", () => {
  it("shaped as an id is missing, which `find` does not mind", async () => {
    const missing: Expected = { _tag: "VersionMissing" }
    const given = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    expect(await ledger.find(given)).toBeUndefined()
    await check({
      get: [missing, call("get", given)],
      load: [missing, call("load", given)],
      "load with a label": [unreadable(`${given}@1`), call("load", given, { version: 1 })],
      tag: [missing, call("tag", given, "t")],
      delete: [missing, call("delete", given)],
      hold: [missing, call("hold", given)],
      release: [missing, call("release", given)],
      history: [missing, call("history", given)],
      "an input": [missing, call("save", "b", 1, { inputs: [given] })],
      "replay of it": [missing, call("replay", { target: given })],
    })
  })

  it("but for its label is refused", async () => {
    const given = { name: "a", version: Number.NaN }
    const nameless = { _tag: "VersionMissing", artifact: "a", selector: "NaN" }
    await check({ get: [nameless, call("get", given)], tag: [nameless, call("tag", given, "t")] })
  })

  it("but for a trap in it is refused", async () => {
    const [expected, bad] = [unreadable(""), hostile()]
    await check({
      get: [expected, call("get", bad)],
      find: [expected, call("find", bad)],
      tag: [expected, call("tag", bad, "t")],
      history: [expected, call("history", bad)],
      "an input": ["options.inputs[0]", call("save", "b", 1, { inputs: [bad] })],
      "an input with a role": [
        expected,
        call("save", "b", 1, { inputs: [{ version: bad, as: "role" }] }),
      ],
      "replay of it": [expected, call("replay", { target: bad })],
    })
  })
})

describe("options", () => {
  const option: Readonly<Record<string, readonly [string, unknown]>> = {
    "one that is unknown": ["options.tgas", { tgas: "t" }],
    "one with a huge name": [`options.${"x".repeat(64)}`, { [huge]: 1 }],
    null: ["options", null],
    "a number": ["options", 5],
    "a text": ["options", "x"],
    "a list": ["options", [{}]],
    "a symbol": ["options", Symbol("s")],
    "a throwing getter": ["options.signal", throwing("signal")],
    "a hostile proxy": ["options", hostile()],
    "a signal that is none": ["options.signal", { signal: { aborted: false } }],
  }

  it.each(Object.entries(option))("that are %s are refused everywhere", async (_, [path, bad]) => {
    const file = join(temporary(), "x.zip")
    await check({
      save: [path, call("save", "a", 1, bad)],
      saveAll: [path, call("saveAll", [{ name: "a", value: 1 }], bad)],
      batch: [path, call("batch", (b: Loose) => b.save?.("a", 1), bad)],
      "a save of a batch": [path, call("batch", (b: Loose) => b.save?.("a", 1, bad))],
      "a tag of a batch": [path, call("batch", (b: Loose) => b.defineTag?.("new", bad))],
      tag: [path, call("tag", "a", "u", bad)],
      untag: [path, call("untag", "a", "t", bad)],
      defineTag: [path, call("defineTag", "new", bad)],
      logMetadata: [path, call("logMetadata", "a", { n: 1 }, bad)],
      removeMetadata: [path, call("removeMetadata", "a", "n", bad)],
      delete: [path, call("delete", id, bad)],
      restore: [path, call("restore", id, bad)],
      hold: [path, call("hold", id, bad)],
      release: [path, call("release", id, bad)],
      "a hold in a batch": [path, call("batch", (b: Loose) => b.hold?.(id, bad))],
      load: [path, call("load", "a", bad)],
      open: [path, call("open", "a", undefined, bad)],
      zip: [path, call("zip", "a", bad)],
      download: [path, call("download", "a", file, bad)],
    })
    expect(readdirSync(join(file, ".."))).toEqual([])
  })

  it("that a write cannot heed are refused, not passed over", async () => {
    await check({
      "expect of saveAll": ["options.expect", call("saveAll", [], { expect: {} })],
      "expect of batch": ["options.expect", call("batch", () => undefined, { expect: {} })],
      "reuse in a batch": [
        "options.reuse",
        call("batch", (b: Loose) => b.save?.("a", 1, { reuse: "content" })),
      ],
      "a key in a batch": [
        "options.idempotencyKey",
        call("batch", (b: Loose) => b.save?.("a", 1, { idempotencyKey: "k" })),
      ],
      "a reason in saveAll": [
        "options.reason",
        call("saveAll", [{ name: "a", value: 1, reason: "r" }]),
      ],
      "force of tag": ["options.force", call("tag", "a", "u", { force: true })],
      "force of hold": ["options.force", call("hold", id, { force: true })],
    })
  })

  const writes: Readonly<Record<string, readonly [Expected, unknown]>> = {
    "an empty key": ["options.idempotencyKey", { idempotencyKey: "" }],
    "a key that is a number": ["options.idempotencyKey", { idempotencyKey: 5 }],
    "a key with a control character": ["options.idempotencyKey", { idempotencyKey: "k\n" }],
    "a long key": ["options.idempotencyKey", { idempotencyKey: "k".repeat(256) }],
    "a reason that is no text": [invalid, { reason: {} }],
    "a long reason": [invalid, { reason: "r".repeat(1_025) }],
    "a reason with half a pair": [invalid, { reason: "\ud800" }],
  }

  it.each(Object.entries(writes))("of writes: %s", async (_, [expected, bad]) => {
    await check({
      save: [expected, call("save", "a", 1, bad)],
      saveAll: [expected, call("saveAll", [{ name: "a", value: 1 }], bad)],
      batch: [expected, call("batch", (b: Loose) => b.save?.("a", 1), bad)],
      tag: [expected, call("tag", "a", "u", bad)],
      defineTag: [expected, call("defineTag", "new", bad)],
      logMetadata: [expected, call("logMetadata", "a", { n: 1 }, bad)],
      delete: [expected, call("delete", id, bad)],
      hold: [expected, call("hold", id, bad)],
      release: [expected, call("release", id, bad)],
    })
  })
})

describe("options of a save", () => {
  const bad: Readonly<Record<string, readonly [Expected, object]>> = {
    "the reserved label": ["options.version", { version: "latest" }],
    "an empty label": ["options.version", { version: "" }],
    "a label with an at sign": ["options.version", { version: "a@b" }],
    "a label that is no number": ["options.version", { version: Number.NaN }],
    "a negative label": ["options.version", { version: -1 }],
    "a label that is a fraction": ["options.version", { version: 1.5 }],
    "a label that is zero": ["options.version", { version: 0 }],
    "a label beyond all numbers": ["options.version", { version: 2 ** 53 }],
    "a label of digits beyond all numbers": ["options.version", { version: "9007199254740992" }],
    "a label that is an object": ["options.version", { version: {} }],
    "33 tags": [
      beyond("saveTagCountMax"),
      { tags: Array.from({ length: 33 }, (_, index) => `t${index}`) },
    ],
    "tags with a hole": ["options.tags[0]", { tags: Array(1) }],
    "the reserved tag": ["options.tags", { tags: "latest" }],
    "a tag that is a number": ["options.tags", { tags: "12" }],
    "an unknown type": ["options.type", { type: "vibe" }],
    "an unknown save type": ["options.saveType", { saveType: "vibe" }],
    "an unknown materializer": [invalid, { materializer: "pickle" }],
    "a materializer that is a number": [invalid, { materializer: 5 }],
    "a materializer that can do nothing": [invalid, { materializer: {} }],
    "a materializer that does not take the value": ["value", { materializer: "ndarray" }],
    "inputs that are no list": ["options.inputs", { inputs: "a" }],
    "inputs with a hole": [unreadable("undefined"), { inputs: Array(1) }],
    "257 inputs": [beyond("saveInputCountMax"), { inputs: Array(257).fill("a") }],
    "an input that is missing": [
      { _tag: "ArtifactMissing", artifact: "nothing" },
      { inputs: ["nothing"] },
    ],
    "a role that is no text": ["options.inputs[0].as", { inputs: [{ version: "a", as: 5 }] }],
    "a role that is long": [
      "options.inputs[0].as",
      { inputs: [{ version: "a", as: "r".repeat(256) }] },
    ],
    "a producer that is a number": ["options.producer", { producer: 5 }],
    "a producer without a name": ["options.producer.name", { producer: { run: "r" } }],
    "a producer with a bad step": ["options.producer.step", { producer: { name: "p", step: 5 } }],
    "a producer that throws": ["options.producer", { producer: throwing("name") }],
    "a description that is no text": ["options.description", { description: 5 }],
    "a long description": ["options.description", { description: "d".repeat(4_097) }],
    "another reuse": ["options.reuse", { reuse: "always" }],
    "an expectation that is none": [invalid, { expect: 5 }],
    "an unknown expectation": [invalid, { expect: { latst: "1" } }],
    "an expected position that is no number": [invalid, { expect: { position: "1" } }],
    "an expected holder of no tag": [invalid, { expect: { holder: "1" } }],
    "an expectation that throws": [invalid, { expect: throwing("latest") }],
  }

  it.each(Object.entries(bad))("%s", async (_, [expected, options]) => {
    await check({
      save: [expected, call("save", "b", 1, options)],
      saveAll: [expected, call("saveAll", [{ name: "b", value: 1, ...options }])],
      batch: [expected, call("batch", (b: Loose) => b.save?.("b", 1, options))],
    })
  })
})

/**
 * Bad values, metadata, queries and moments, on every operation: whatever it is, the answer is a
 * typed error that names the part, and nothing is stored.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
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
  throwing,
  unreadable,
} from "./refused.contract.js"

let ledger: PromiseLedger
let loose: Loose

beforeAll(async () => {
  ledger = await openLedger({ memory: true })
  loose = ledger as unknown as Loose
  await ledger.save("a", 1, { tags: "t" })
  await ledger.defineTag("alias", { exclusive: true })
})
afterAll(() => ledger.close())

const call =
  (name: string, ...args: ReadonlyArray<unknown>): Call =>
  () =>
    loose[name]?.(...args)

const check = async (calls: Readonly<Record<string, Refused>>): Promise<void> =>
  expect(await offences(calls, ledger)).toEqual([])

class Instance {
  readonly own = 1
}

const cycle: Record<string, unknown> = {}
cycle.self = [cycle]

const deep = (): unknown => {
  let value: unknown = 1
  for (let depth = 0; depth < 20_000; depth += 1) value = [value]
  return value
}

/** Parts that neither metadata nor any built-in form of files can hold. */
const badParts: Readonly<Record<string, unknown>> = {
  "a function": () => 1,
  "a symbol": Symbol("s"),
  "an instance of a class": new Instance(),
  "a promise": Promise.resolve(1),
  "half a pair": "\ud800",
  "a bigint beyond 64 bits": 2n ** 65n,
  "a cycle": cycle,
  "a throwing getter": throwing(),
  "a hostile proxy": hostile(),
  "an invalid date": new Date(Number.NaN),
  __proto__: JSON.parse('{ "__proto__": 1 }'),
  "20,000 levels": deep(),
}

/** Where a part lies in a whole: its path there, and the whole. */
const places: Readonly<Record<string, readonly [string, (part: unknown) => unknown]>> = {
  "by itself": ["", (part) => part],
  "in a list": ["[1]", (part) => [1, part]],
  "in a record": ['["a b"].c', (part) => ({ "a b": { c: part } })],
}

/** What is wrong inside a part, where that is not the part itself. */
const inside = (name: string): string => (name === "a throwing getter" ? ".part" : "")

describe.each(Object.entries(badParts))("a part that is %s", (name, part) => {
  it.each(Object.entries(places))(
    "%s is refused as metadata, by its path",
    async (_, [at, put]) => {
      const value = put(part)
      const expected = (whole: string): Expected =>
        name === "20,000 levels" || name === "a cycle"
          ? beyond("metadataDepthMax")
          : `${whole}.key${at}${inside(name)}`
      await check({
        logMetadata: [expected("values"), call("logMetadata", "a", { key: value })],
        "logMetadata of an artifact": [
          expected("values"),
          call("logMetadata", { artifact: "a" }, { key: value }),
        ],
        save: [expected("metadata"), call("save", "b", 1, { metadata: { key: value } })],
        batch: [
          expected("values"),
          call("batch", (b: Loose) => b.logMetadata?.("a", { key: value })),
        ],
      })
    },
  )
})

/** What structured values give back as it was. */
const kept = ["a bigint beyond 64 bits", "an invalid date"]

describe.each(Object.entries(badParts).filter(([name]) => !kept.includes(name)))(
  "a part that is %s",
  (name, part) => {
    it.each(Object.entries(places))("%s is refused as a value", async (_, [at, put]) => {
      const value = put(part)
      const back = name === "a cycle" ? ".self[0]" : inside(name)
      const expected = name === "20,000 levels" ? beyond("valueDepthMax") : `value${at}${back}`
      await check({
        save: [expected, call("save", "b", value)],
        saveAll: [expected, call("saveAll", [{ name: "b", value }])],
        batch: [expected, call("batch", (b: Loose) => b.save?.("b", value))],
      })
    })
  },
)

describe("metadata as a whole", () => {
  /** How each is refused: where it is a text, by that path below the whole. */
  const bad: Readonly<Record<string, readonly [Expected, unknown]>> = {
    "nothing at all": ["", undefined],
    null: ["", null],
    "a text": ["", "score"],
    "a list": ["", [1]],
    "a map": ["", new Map([["a", 1]])],
    "an instance": ["", new Instance()],
    "an empty key": ['[""]', { "": 1 }],
    "a long key": [`.${"k".repeat(256)}`, { ["k".repeat(256)]: 1 }],
    "a key with a control character": ['["a\\n"]', { "a\n": 1 }],
    "257 keys": [
      beyond("metadataKeyCountMax"),
      Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`k${index}`, 1])),
    ],
    "a value that is undefined": [".a", { a: undefined }],
    "a value of 16 KiB and one": [beyond("metadataValueBytesMax"), { a: "x".repeat(16_385) }],
    "a huge value": [beyond("metadataValueBytesMax"), { a: huge }],
    "huge bytes": [beyond("metadataValueBytesMax"), { a: new Uint8Array(1_000_000) }],
    "48 KiB and more": [
      beyond("metadataBytesMax"),
      Object.fromEntries(
        Array.from({ length: 4 }, (_, index) => [`k${index}`, "x".repeat(16_000)]),
      ),
    ],
    "a throwing getter": [".part", throwing()],
    "a hostile proxy": ["", hostile()],
  }

  it.each(Object.entries(bad))("that is %s is refused", async (name, [how, values]) => {
    const expected = (whole: string): Expected => (typeof how === "string" ? whole + how : how)
    await check({
      logMetadata: [expected("values"), call("logMetadata", "a", values)],
      batch: [expected("values"), call("batch", (b: Loose) => b.logMetadata?.("a", values))],
      ...(name === "nothing at all"
        ? {}
        : { save: [expected("metadata"), call("save", "b", 1, { metadata: values })] }),
    })
  })
})

describe("queries", () => {
  const bad: Readonly<Record<string, readonly [string, unknown]>> = {
    "a number": ["query", 5],
    "a text": ["query", "a"],
    "an unknown filter": ["query.nmae", { nmae: "a" }],
    "an unknown operator": ["query.name.like", { name: { like: "a" } }],
    "a name that is a number": ["query.name", { name: 5 }],
    "an unknown order": ["query.sort.order", { sort: { by: "name", order: "up" } }],
    "an unknown sort": ["query.sort.by", { sort: { by: "mood" } }],
    "a limit of zero": ["query.limit", { limit: 0 }],
    "a limit beyond all": ["query.limit", { limit: 1_001 }],
    "a limit that is a fraction": ["query.limit", { limit: 1.5 }],
    "a cursor that is none": ["query.cursor", { cursor: "abc" }],
    "a huge cursor": ["query.cursor", { cursor: huge }],
    "a cursor that is a number": ["query.cursor", { cursor: 5 }],
    "a throwing getter": ["query", throwing("name")],
    "a hostile proxy": ["query", hostile()],
  }

  it.each(Object.entries(bad))("that are %s are refused", async (name, [path, query]) => {
    const limited = name.startsWith("a limit") || name.includes("cursor")
    // A stream of pages is asked with each page anew.
    const streamed = typeof query === "object" ? path : invalid
    // Replay knows no order and no operators.
    const replayed = path.replace(/(name|sort)\..*/, "$1")
    await check({
      listArtifacts: [path, call("listArtifacts", query)],
      listVersions: [path, call("listVersions", query)],
      listTags: [path, call("listTags", query)],
      artifacts: [streamed, call("artifacts", query)],
      versions: [streamed, call("versions", query)],
      tags: [streamed, call("tags", query)],
      ...(limited ? {} : { replay: [replayed, call("replay", query)] }),
    })
  })

  const replays: Readonly<Record<string, readonly [Expected, unknown]>> = {
    "a position that is negative": ["query.after", { after: -1 }],
    "a position that is a text": ["query.after", { after: "1" }],
    "a position beyond the head": ["query.upTo", { upTo: 1_000_000 }],
    "types that are a text": ["query.types", { types: "version-saved" }],
    "a time that is a number": ["query.time.after", { time: { after: 5 } }],
    "an invalid date": ["query.time.before", { time: { before: new Date(Number.NaN) } }],
    "a time that is unknown": ["query.time.since", { time: { since: new Date(0) } }],
    "an actor that is a number": ["query.actor", { actor: 5 }],
    "a tag that is missing": [{ _tag: "TagMissing", tag: "nothing" }, { tag: "nothing" }],
    "a target that is missing": [
      { _tag: "ArtifactMissing", artifact: "nothing" },
      { target: "nothing" },
    ],
  }

  it.each(Object.entries(replays))("of replay: %s", async (_, [expected, query]) => {
    await check({ replay: [expected, call("replay", query)] })
  })
})

describe("everything else", () => {
  const moments: Readonly<Record<string, unknown>> = {
    ...nonText,
    "a number": -1,
    "a text": "1",
    "an invalid date": new Date(Number.NaN),
  }

  it.each(Object.entries(moments))("a moment that is %s is refused", async (_, moment) => {
    const reader = () => (loose.asOf as (when: unknown) => unknown)(moment) as Loose
    await check({
      get: ["asOf", () => reader().get?.("a")],
      replay: ["asOf", () => reader().replay?.()],
      listVersions: ["asOf", () => reader().listVersions?.()],
    })
  })

  const isContext = (name: string): boolean => name === "an object" || name === "a map"

  it.each(
    Object.entries({ ...nonText, "a text": "ann", "a list": [] }).filter(
      ([name]) => !isContext(name),
    ),
  )("a context that is %s is refused at once", async (_, context) => {
    await check({ with: ["context", call("with", context)] })
  })

  it.each([
    ["context.who", { who: "ann" }],
    ["context.actor", { actor: 5 }],
    ["context.reason", { reason: huge }],
  ])("a context with a bad %s is refused at once", async (path, context) => {
    await check({ with: [path, call("with", context)] })
  })

  it("an event that cannot be read has no sentence", async () => {
    await check({
      null: ["event", call("formatEvent", null)],
      "nothing at all": ["event", call("formatEvent")],
      "a hostile proxy": ["event", call("formatEvent", hostile())],
      "one of a known type without data": [
        "event",
        call("formatEvent", { type: "tags-added", revision: 1 }),
      ],
    })
  })

  it("a batch that is none is refused", async () => {
    await check({
      "no function": ["build", call("batch", 5)],
      "nothing at all": ["build", call("batch")],
      "a request that is none": ["requests[0]", call("saveAll", [null])],
      "requests that are none": ["requests", call("saveAll", 5)],
      "too many": [
        beyond("compositeCountMax"),
        call("saveAll", Array(1_001).fill({ name: "a", value: 1 })),
      ],
      "too many in a batch": [
        beyond("compositeCountMax"),
        call("batch", (b: Loose) => {
          for (let count = 0; count < 1_001; count += 1) b.tag?.("a", "t")
        }),
      ],
    })
  })

  it.each(Object.entries(nonText))("a command that is %s is refused", async (_, command) => {
    await check({ execute: ["command", call("execute", command, {})] })
  })

  it.each(Object.entries(nonText))("a projection that is %s is refused", async (_, bad) => {
    const view = () => loose.view?.(bad) as Loose
    await check({
      get: ["projection", () => view().get?.(["last"])],
      list: ["projection", () => view().list?.(["last"])],
    })
  })

  it.each(Object.entries({ ...nonText, "a missing file": "x.json" }))(
    "a path of a file that is %s is refused",
    async (_, path) => {
      await check({ open: ["path", call("open", "a", path)] })
    },
  )

  it.each(
    Object.entries({
      ...nonText,
      "a text": "0-4",
      "a range of texts": { start: "0", end: "1" },
      "a range without an end": { start: 0 },
      "a range to nowhere": { start: 0, end: Number.NaN },
    }),
  )("a range that is %s is refused", async (_, range) => {
    const archive = (await ledger.zip("a")) as unknown as Loose
    await check({
      open: ["range", call("open", "a", undefined, { range })],
      zip: ["range", () => archive.stream?.(range)],
    })
  })

  it.each(Object.entries({ ...nonText, "another kind": "x.tar", "no name": "" }))(
    "a file to write that is %s is refused",
    async (_, path) => {
      await check({ download: ["path", call("download", "a", path)] })
    },
  )

  it.each(Object.entries(nonText))(
    "something to load it as that is %s is refused",
    async (_, as) => {
      await check({
        load: ["options.as", call("load", "a", { as })],
        "load a label": [unreadable("a"), call("load", "a", { version: {} })],
      })
    },
  )
})

/**
 * Bad values, metadata, queries and moments, on every operation: whatever it is, the answer is a
 * typed error that names the part, and nothing is stored.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openLedger, type PromiseLedger } from "./promise.js"
import {
  type Call,
  hostile,
  huge,
  type Loose,
  nonText,
  offences,
  throwing,
  thrownBy,
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

const check = async (calls: Readonly<Record<string, Call>>): Promise<void> =>
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

const places: Readonly<Record<string, (part: unknown) => unknown>> = {
  "by itself": (part) => part,
  "in a list": (part) => [1, part],
  "in a record": (part) => ({ "a b": { c: part } }),
}

describe.each(Object.entries(badParts))("a part that is %s", (name, part) => {
  it.each(Object.entries(places))("%s is refused as metadata, by its path", async (_, put) => {
    const value = put(part)
    await check({
      logMetadata: call("logMetadata", "a", { key: value }),
      "logMetadata of an artifact": call("logMetadata", { artifact: "a" }, { key: value }),
      save: call("save", "b", 1, { metadata: { key: value } }),
      batch: call("batch", (b: Loose) => b.logMetadata?.("a", { key: value })),
    })
    const thrown = await thrownBy(call("logMetadata", "a", { key: value }))
    // A bound names its limit in place of the path.
    if (name !== "20,000 levels" && name !== "a cycle")
      expect(thrown).toMatchObject({ path: expect.stringMatching(/^values\.key/) })
  })
})

/** What structured values give back as it was. */
const kept = ["a bigint beyond 64 bits", "an invalid date"]

describe.each(Object.entries(badParts).filter(([name]) => !kept.includes(name)))(
  "a part that is %s",
  (_, part) => {
    it.each(Object.entries(places))("%s is refused as a value", async (_, put) => {
      const value = put(part)
      await check({
        save: call("save", "b", value),
        saveAll: call("saveAll", [{ name: "b", value }]),
        batch: call("batch", (b: Loose) => b.save?.("b", value)),
      })
    })
  },
)

describe("metadata as a whole", () => {
  const bad: Readonly<Record<string, unknown>> = {
    "nothing at all": undefined,
    null: null,
    "a text": "score",
    "a list": [1],
    "a map": new Map([["a", 1]]),
    "an instance": new Instance(),
    "an empty key": { "": 1 },
    "a long key": { ["k".repeat(256)]: 1 },
    "a key with a control character": { "a\n": 1 },
    "257 keys": Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`k${index}`, 1])),
    "a value that is undefined": { a: undefined },
    "a value of 16 KiB and one": { a: "x".repeat(16_385) },
    "a huge value": { a: huge },
    "huge bytes": { a: new Uint8Array(1_000_000) },
    "48 KiB and more": Object.fromEntries(
      Array.from({ length: 4 }, (_, index) => [`k${index}`, "x".repeat(16_000)]),
    ),
    "a throwing getter": throwing(),
    "a hostile proxy": hostile(),
  }

  it.each(Object.entries(bad))("that is %s is refused", async (name, values) => {
    await check({
      logMetadata: call("logMetadata", "a", values),
      batch: call("batch", (b: Loose) => b.logMetadata?.("a", values)),
      ...(name === "nothing at all" ? {} : { save: call("save", "b", 1, { metadata: values }) }),
    })
  })
})

describe("queries", () => {
  const bad: Readonly<Record<string, unknown>> = {
    "a number": 5,
    "a text": "a",
    "an unknown filter": { nmae: "a" },
    "an unknown operator": { name: { like: "a" } },
    "a name that is a number": { name: 5 },
    "an unknown order": { sort: { by: "name", order: "up" } },
    "an unknown sort": { sort: { by: "mood" } },
    "a limit of zero": { limit: 0 },
    "a limit beyond all": { limit: 1_001 },
    "a limit that is a fraction": { limit: 1.5 },
    "a cursor that is none": { cursor: "abc" },
    "a huge cursor": { cursor: huge },
    "a cursor that is a number": { cursor: 5 },
    "a throwing getter": throwing("name"),
    "a hostile proxy": hostile(),
  }

  it.each(Object.entries(bad))("that are %s are refused", async (name, query) => {
    const limited = name.startsWith("a limit") || name.includes("cursor")
    await check({
      listArtifacts: call("listArtifacts", query),
      listVersions: call("listVersions", query),
      listTags: call("listTags", query),
      artifacts: call("artifacts", query),
      versions: call("versions", query),
      tags: call("tags", query),
      ...(limited ? {} : { replay: call("replay", query) }),
    })
  })

  const replays: Readonly<Record<string, unknown>> = {
    "a position that is negative": { after: -1 },
    "a position that is a text": { after: "1" },
    "a position beyond the head": { upTo: 1_000_000 },
    "types that are a text": { types: "version-saved" },
    "a time that is a number": { time: { after: 5 } },
    "an invalid date": { time: { before: new Date(Number.NaN) } },
    "a time that is unknown": { time: { since: new Date(0) } },
    "an actor that is a number": { actor: 5 },
    "a tag that is missing": { tag: "nothing" },
    "a target that is missing": { target: "nothing" },
  }

  it.each(Object.entries(replays))("of replay: %s", async (_, query) => {
    await check({ replay: call("replay", query) })
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
      get: () => reader().get?.("a"),
      replay: () => reader().replay?.(),
      listVersions: () => reader().listVersions?.(),
    })
  })

  it.each(
    Object.entries({
      ...nonText,
      "a text": "ann",
      "a list": [],
      "of unknown parts": { who: "ann" },
      "an actor that is a number": { actor: 5 },
      "a huge reason": { reason: huge },
    }).filter(([name]) => name !== "an object" && name !== "a map"),
  )("a context that is %s is refused at once", async (_, context) => {
    await check({ with: call("with", context) })
  })

  it("an event that cannot be read has no sentence", async () => {
    await check({
      null: call("formatEvent", null),
      "nothing at all": call("formatEvent"),
      "a hostile proxy": call("formatEvent", hostile()),
      "one of a known type without data": call("formatEvent", { type: "tags-added", revision: 1 }),
    })
  })

  it("a batch that is none is refused", async () => {
    await check({
      "no function": call("batch", 5),
      "nothing at all": call("batch"),
      "a request that is none": call("saveAll", [null]),
      "requests that are none": call("saveAll", 5),
      "too many": call("saveAll", Array(1_001).fill({ name: "a", value: 1 })),
      "too many in a batch": call("batch", (b: Loose) => {
        for (let count = 0; count < 1_001; count += 1) b.tag?.("a", "t")
      }),
    })
  })

  it.each(Object.entries(nonText))("a command that is %s is refused", async (_, command) => {
    await check({ execute: call("execute", command, {}) })
  })

  it.each(Object.entries(nonText))("a projection that is %s is refused", async (_, bad) => {
    const view = () => loose.view?.(bad) as Loose
    await check({
      get: () => view().get?.(["last"]),
      list: () => view().list?.(["last"]),
    })
  })

  it.each(Object.entries({ ...nonText, "a missing file": "x.json" }))(
    "a path of a file that is %s is refused",
    async (_, path) => {
      await check({ open: call("open", "a", path) })
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
      open: call("open", "a", undefined, { range }),
      zip: () => archive.stream?.(range),
    })
  })

  it.each(Object.entries({ ...nonText, "another kind": "x.tar", "no name": "" }))(
    "a file to write that is %s is refused",
    async (_, path) => {
      await check({ download: call("download", "a", path) })
    },
  )

  it.each(Object.entries(nonText))(
    "something to load it as that is %s is refused",
    async (_, as) => {
      await check({
        load: call("load", "a", { as }),
        "load a label": call("load", "a", { version: {} }),
      })
    },
  )
})

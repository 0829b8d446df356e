/**
 * Records as they stand: the golden corpus, kept for ever, then upcasts, unknown events, damage.
 *
 * To add to the corpus, put `{ "event": …, "bytes": "" }` into the file of its type and run this:
 * the failing test prints the bytes. An entry is never changed, whatever becomes of its event type.
 */
import { readdirSync, readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Plain } from "../model/msgpack.js"
import { pack } from "../model/msgpack.js"
import { catalog } from "./catalog.js"
import { makeCodec } from "./codec.js"
import { eventTypeContract, turned } from "./event.contract.js"
import { type AnyEventType, eventType, type Recorded, type Upcast } from "./event.js"

const codec = makeCodec(catalog)

interface Entry {
  readonly event: Recorded
  readonly bytes: string
}

/** JSON as values: bytes and 64-bit integers are written as `{ "$hex" }` and `{ "$int64" }`. */
const revive = (_: string, value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if ("$hex" in value) return new Uint8Array(Buffer.from(String(value.$hex), "hex"))
  return "$int64" in value ? BigInt(String(value.$int64)) : value
}

const folder = new URL("golden/", import.meta.url)

const readEntries = (file: string): ReadonlyArray<Entry> =>
  JSON.parse(readFileSync(new URL(file, folder), "utf8"), revive)

const corpus: ReadonlyMap<string, ReadonlyArray<Entry>> = new Map(
  readdirSync(folder).map((file) => [file.replace(/\.golden\.json$/, ""), readEntries(file)]),
)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"))

describe.each([...corpus])("the golden corpus of %s", (type, entries) => {
  const revision = codec.typeOf(type)?.revision ?? 0

  it.each(entries)("is read as it was written: event $event.position", ({ event, bytes }) => {
    expect(event.type).toBe(type)
    expect(turned(codec.decode(unhex(bytes)))).toEqual(turned(event))
  })

  const newest = entries.filter(({ event }) => event.revision === revision)
  it.each(newest)("is written as it was: event $event.position", ({ event, bytes }) => {
    const written = hex(codec.encode(event))
    expect(written, `the line to add: "bytes": "${written}"`).toBe(bytes)
    expect(hex(codec.encode(turned(event)))).toBe(bytes)
  })
})

describe("the golden corpus", () => {
  it("has an entry for every type and revision of the catalog, and for nothing else", () => {
    const missing = catalog.flatMap(({ type, revision }: AnyEventType) =>
      Array.from({ length: revision }, (_, index) => ({ type, revision: index + 1 })).filter(
        (wanted) => !corpus.get(type)?.some(({ event }) => event.revision === wanted.revision),
      ),
    )
    const skeleton = { position: 1, id: "01J00000000000000000000000", time: 0, subjects: [] }
    const lines = missing.map(({ type, revision }) => {
      const event = { ...skeleton, type, revision, data: {} }
      return `golden/${type}.golden.json: ${JSON.stringify([{ event, bytes: "" }])}`
    })
    expect(lines, `fill in the data and add: ${lines.join("\n")}`).toEqual([])
    expect([...corpus.keys()].filter((type) => codec.typeOf(type) === undefined)).toEqual([])
  })

  it("shows every member of the envelope", () => {
    const shown = [...corpus.values()].flat().flatMap(({ event }) => Object.keys(event))
    const texts = ["actor", "reason", "correlationId", "causationId", "idempotencyKey"]
    const rest = ["position", "id", "type", "revision", "time", "clock", "request", "step", "part"]
    expect(new Set(shown)).toEqual(new Set([...texts, ...rest, "subjects", "data"]))
  })
})

for (const type of catalog) {
  const { type: name, revision }: AnyEventType = type
  const newest = (corpus.get(name) ?? []).filter(({ event }) => event.revision === revision)
  eventTypeContract(type, () => newest.map(({ event }) => event.data as never))
}

describe("a record", () => {
  it("is a canonical MessagePack map, byte for byte", () => {
    const event = {
      position: 300,
      id: "A",
      type: "t",
      revision: 1,
      time: 65_536,
      actor: "é",
      request: "ab".repeat(32),
      subjects: [{ id: "S", previous: 2 }],
      data: { b: -1, a: null },
    }
    // By the specification: fixmap, then each key in the order of its code units, then its value.
    const parts = [
      "89",
      "a56163746f72 a2c3a9",
      "a464617461 82 a161 c0 a162 ff",
      "a26964 a141",
      "a8706f736974696f6e cd012c",
      `a772657175657374 c420 ${"ab".repeat(32)}`,
      "a87265766973696f6e 01",
      "a87375626a65637473 91 92 a153 02",
      "a474696d65 ce00010000",
      "a474797065 a174",
    ]
    const bytes = parts.join("").replaceAll(" ", "")
    expect(hex(codec.encode(event))).toBe(bytes)
    expect(codec.decode(unhex(bytes))).toEqual(event)
  })

  it("leaves no trace of a member that is undefined", () => {
    const event = { position: 1, id: "A", type: "t", revision: 1, time: 0, subjects: [], data: 1 }
    const holes = { ...event, actor: undefined, data: 1, request: undefined }
    expect(hex(codec.encode(holes as unknown as Recorded))).toBe(hex(codec.encode(event)))
  })

  it("keeps whatever data an unknown type has, and gives the same bytes again", () =>
    fc.assert(
      fc.property(plain, fc.nat(), (data, position) => {
        const event = { ...outline, position, data }
        const bytes = codec.encode(event)
        const read = codec.decode(bytes)
        expect(Buffer.compare(pack(read.data as Plain), pack(data))).toBe(0)
        expect(Buffer.compare(codec.encode(read), bytes)).toBe(0)
        expect(Buffer.compare(codec.encode(turned(event)), bytes)).toBe(0)
      }),
      { numRuns: 200 },
    ))
})

const outline = { position: 1, id: "A", type: "their/event", revision: 3, time: 0, subjects: [] }

const text = fc.string({ unit: "binary", maxLength: 8 }).filter((each) => each.isWellFormed())
const { plain } = fc.letrec<{ readonly plain: Plain }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Plain>(null, true, false, 0, 2 ** 53 - 1, 0.1, 2n ** 64n - 1n, -(2n ** 63n)),
    fc.integer(),
    text,
    fc.uint8Array({ maxLength: 9 }).map((bytes): Plain => new Uint8Array(bytes)),
    fc.array(tie("plain"), { maxLength: 4 }),
    fc.dictionary(
      text.filter((key) => key !== "__proto__"),
      tie("plain"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
}))

type Visit = { readonly where: string; readonly seconds: number; readonly kind: string }

const members = (data: Plain) => data as { readonly [key: string]: Plain }

// Revision 1 had minutes, revision 2 seconds, revision 3 a kind.
const upcasts: { readonly [revision: number]: Upcast } = {
  1: (data) => {
    const { minutes, ...rest } = members(data)
    return { ...rest, seconds: Number(minutes) * 60 }
  },
  2: (data) => ({ ...members(data), kind: "unknown" }),
}

const visit = (revision: number, steps: typeof upcasts) =>
  eventType<"visit-recorded", Visit>({
    type: "visit-recorded",
    revision,
    schema: Schema.Struct({ where: Schema.String, seconds: Schema.Number, kind: Schema.String }),
    sentence: ({ where }) => `visited ${where}`,
    upcasts: steps,
  })

eventTypeContract(visit(3, upcasts), () => [{ where: "Rome", seconds: 1, kind: "short" }])

const recordOf = (type: string, revision: number, data: Plain) =>
  pack({ position: 7, id: "A", type, revision, time: 5, subjects: [["S", 4]], data })

describe("an older revision", () => {
  const current = makeCodec([visit(3, upcasts)])

  it.each([
    [1, { where: "Rome", minutes: 2 }, { where: "Rome", seconds: 120, kind: "unknown" }],
    [2, { where: "Rome", seconds: 3 }, { where: "Rome", seconds: 3, kind: "unknown" }],
    [3, { where: "Rome", seconds: 3, kind: "x" }, { where: "Rome", seconds: 3, kind: "x" }],
  ])("%i is read as the newest, and still says what it was", (revision, data, expected) => {
    const event = current.decode(recordOf("visit-recorded", revision, data))
    expect(event).toMatchObject({ revision, data: expected, subjects: [{ id: "S", previous: 4 }] })
  })

  it("that has no upcast is refused, wherever the chain is broken", () => {
    const broken = makeCodec([visit(3, { 1: (data) => data })])
    for (const revision of [1, 2])
      expect(() => broken.decode(recordOf("visit-recorded", revision, {}))).toThrow(
        "visit-recorded has no upcast from revision 2",
      )
    expect(() => current.decode(recordOf("visit-recorded", 0, {}))).toThrow(/from revision 0/)
  })
})

describe("an event that this program does not know", () => {
  it.each([
    ["of an unknown type", recordOf("their/event", 1, { a: [1, { b: unhex("00ff") }] })],
    ["of a newer revision", recordOf("version-saved", 9, { content: { new: true } })],
    ["of a type of a newer release", recordOf("artifact-renamed", 1, { from: "a", to: "b" })],
    ["without data", recordOf("their/event", 1, null)],
  ])("%s keeps its data as it is", (_, bytes) => {
    const event = codec.decode(bytes)
    expect(event.position).toBe(7)
    const withData = recordOf(event.type, event.revision, event.data as Plain)
    expect(hex(codec.encode(event))).toBe(hex(withData))
  })

  it("is newer than this program, unless it is of a caller's type", () => {
    const newer = (type: string, revision = 1) => codec.isNewer({ type, revision })
    expect([newer("version-saved"), newer("their/event"), newer("their/event", 9)]).toEqual([
      false,
      false,
      false,
    ])
    expect([newer("version-saved", 2), newer("artifact-renamed")]).toEqual([true, true])
    expect(makeCodec([visit(2, upcasts)]).isNewer({ type: "visit-recorded", revision: 3 })).toBe(
      true,
    )
  })

  it("is another program's with the same name where two are given", () => {
    const twice = [visit(3, upcasts), visit(2, upcasts)]
    expect(() => makeCodec(twice)).toThrow("two event types are named visit-recorded")
  })
})

describe("a damaged record", () => {
  const [other, event] = corpus.get("version-saved") ?? []
  const bytes = unhex(event?.bytes ?? "")

  it.each([
    ["nothing", ""],
    ["no map", "93010203"],
    ["an empty map", "80"],
    ["a map with keys that are no text", "8101a0"],
  ])("of %s is refused", (_, damaged) => {
    expect(() => codec.decode(unhex(damaged))).toThrow()
  })

  it.each([
    ["position", "1"],
    ["id", 1],
    ["type", null],
    ["revision", "1"],
    ["time", null],
    ["subjects", {}],
    ["subjects", ["S"]],
    ["subjects", [["S"]]],
    ["subjects", [[1, 2]]],
    ["subjects", [["S", "2"]]],
    ["part", 1],
    ["part", [1]],
    ["part", ["1", 2]],
    ["request", Uint8Array.of(1, 2, 3)],
  ])("whose %s is %j is refused", (key, value) => {
    const sound = { position: 7, id: "A", type: "t", revision: 1, time: 5, subjects: [["S", 4]] }
    expect(codec.decode(pack(sound)).position).toBe(7)
    expect(() => codec.decode(pack({ ...sound, [key]: value }))).toThrow()
  })

  it("cut short anywhere, or with more behind it, is refused", () => {
    const short = unhex(other?.bytes ?? "")
    for (let length = 0; length < short.length; length += 1)
      expect(() => codec.decode(short.subarray(0, length))).toThrow()
    expect(() => codec.decode(Buffer.concat([bytes, short]))).toThrow()
    expect(() => codec.decode(Buffer.concat([bytes, Uint8Array.of(0)]))).toThrow()
  })

  it("never passes for the event it was, whichever bit of it is flipped", () => {
    const unnoticed: Array<number> = []
    const sound = codec.decode(bytes)
    // Every byte is met, and every bit of a byte in turn.
    for (let bit = 0; bit < bytes.length * 8; bit += 13) {
      const damaged = new Uint8Array(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      let read: unknown
      try {
        read = codec.decode(damaged)
      } catch {
        continue
      }
      if (isDeepStrictEqual(read, sound)) unnoticed.push(bit)
    }
    expect(bytes.length).toBeGreaterThan(1_000)
    expect(unnoticed).toEqual([])
  })
})

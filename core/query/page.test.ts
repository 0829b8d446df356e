/**
 * Pages: what is kept of a source, and cursors that go with their own query and no other.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { cursorBytesMax, pageSizeDefault, pageSizeMax } from "../limits.js"
import { pack } from "../model/msgpack.js"
import {
  type Cursor,
  checkLimit,
  decodeCursor,
  encodeCursor,
  type Found,
  type Order,
  type Place,
  queryDigest,
  type Source,
  toPage,
} from "./page.js"

const refusalOf = (run: () => unknown): InvalidInput => {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof InvalidInput) return thrown
    throw thrown
  }
  throw new Error("it was accepted")
}

const digest = queryDigest("things", { name: "a" })

describe("a cursor", () => {
  it.each<Cursor>([
    { position: 0, place: { value: "", key: "" } },
    { position: 7, place: { value: -1.5, key: "a\u0000b" } },
    { position: Number.MAX_SAFE_INTEGER, place: { value: "\u{1f600}", key: "ключ" } },
  ])("comes back as it was: %j", (cursor) => {
    expect(decodeCursor(digest, encodeCursor(digest, cursor))).toEqual(cursor)
  })

  const forged = (...fields: ReadonlyArray<string | number | null>) =>
    Buffer.from(pack(fields)).toString("base64url")

  // The length of the list in five bytes, where one is enough.
  const unusual = `dd00000004${Buffer.from(forged(digest, 1, "v", "k"), "base64url")
    .toString("hex")
    .slice(2)}`

  it.each<[string, string]>([
    ["nothing", ""],
    ["no base64url", "?!"],
    ["words", "next page, please"],
    ["no list", Buffer.from(pack({ position: 1 })).toString("base64url")],
    ["of another query", encodeCursor("another", { position: 1, place: { value: 1, key: "k" } })],
    ["short", forged(digest, 1, "v")],
    ["without a value", forged(digest, 1, null, "k")],
    ["with a number as its key", forged(digest, 1, "v", 1)],
    ["with a text as its position", forged(digest, "1", "v", "k")],
    ["before the beginning", forged(digest, -1, "v", "k")],
    ["between two positions", forged(digest, 1.5, "v", "k")],
    ["nowhere", forged(digest, Number.NaN, "v", "k")],
    ["too long", "A".repeat(cursorBytesMax + 1)],
    [
      "with a letter more",
      `${encodeCursor(digest, { position: 1, place: { value: 1, key: "k" } })}?`,
    ],
    ["in bytes of another writer", Buffer.from(unusual, "hex").toString("base64url")],
    ["cut", encodeCursor(digest, { position: 1, place: { value: 1, key: "key" } }).slice(0, -4)],
  ])("that is %s is refused", (_, text) => {
    expect(refusalOf(() => decodeCursor(digest, text))).toMatchObject({ path: "query.cursor" })
  })
})

describe("the digest of a query", () => {
  it("is that of its filters and order, whatever the page", () => {
    const { signal } = new AbortController()
    expect(queryDigest("things", { name: "a", limit: 3, cursor: "c", signal })).toBe(digest)
    for (const other of [{}, { name: "b" }, { name: "a", sort: { by: "name" } }])
      expect(queryDigest("things", other)).not.toBe(digest)
    expect(queryDigest("others", { name: "a" })).not.toBe(digest)
  })
})

describe("a limit", () => {
  it("goes from 1 to the most", () => {
    expect(checkLimit("query.limit")).toBe(pageSizeDefault)
    for (const limit of [1, pageSizeMax]) expect(checkLimit("query.limit", limit)).toBe(limit)
    for (const limit of [0, -1, pageSizeMax + 1, Number.NaN])
      expect(refusalOf(() => checkLimit("query.limit", limit))).toMatchObject({
        path: "query.limit",
      })
  })
})

/** Rows in the order of their keys; the ones that are undefined do not pass the filters. */
const sourceOf = (
  rows: ReadonlyArray<Place | undefined>,
  sorted: boolean,
): { readonly source: Source<Place>; readonly reads: Array<number> } => {
  const reads: Array<number> = []
  const keyed = rows.map((place, index) => ({ place, cursor: place?.key ?? keyOf(index) }))
  const read: Source<Place>["read"] = (after, countMax) => {
    reads.push(countMax)
    const behind = keyed.filter(({ cursor }) => after === undefined || cursor > after)
    const shown = behind.slice(0, countMax)
    const found = (place: Place | undefined): Found<Place> | undefined =>
      place && { place, answer: () => place }
    return Effect.succeed({
      rows: shown.map(({ place, cursor }) => ({ key: [cursor], cursor, value: found(place) })),
      resume: behind.length > countMax ? shown.at(-1)?.cursor : undefined,
    })
  }
  return { source: { sorted, read }, reads }
}

const keyOf = (index: number): string => String(index).padStart(6, "0")

const everyPage = async (source: Source<Place>, order: Order, limit: number) => {
  const pages: Array<ReadonlyArray<Place>> = []
  let from: Place | undefined
  for (;;) {
    const page = await Effect.runPromise(
      toPage(source, { digest, position: 9, order, limit, from }),
    )
    pages.push(page.entries)
    if (page.next === undefined) return pages
    const cursor = decodeCursor(digest, page.next)
    expect(cursor.position).toBe(9)
    from = cursor.place
  }
}

describe("pages", () => {
  it("hold every entry once, in order, ties by key, whatever the limit and the filters", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }), { maxLength: 60 }),
        fc.constantFrom<Order>("asc", "desc"),
        fc.integer({ min: 1, max: 9 }),
        async (values, order, limit) => {
          const places = values.map((value, index) =>
            value === undefined ? undefined : { value, key: keyOf(index) },
          )
          const expected = places
            .filter((place) => place !== undefined)
            .sort((a, b) => a.value - b.value || (a.key < b.key ? -1 : 1))
          if (order === "desc") expected.reverse()
          const pages = await everyPage(sourceOf(places, false).source, order, limit)
          expect(pages.flat()).toEqual(expected)
          expect(pages.slice(0, -1).every(({ length }) => length === limit)).toBe(true)
          expect(pages).toHaveLength(Math.max(1, Math.ceil(expected.length / limit)))
        },
      ),
      { numRuns: 60 },
    ))

  it("of rows that come in order take no more than they need", async () => {
    const places = Array.from({ length: 5_000 }, (_, index) =>
      index % 10 === 0 ? { value: "", key: keyOf(index) } : undefined,
    )
    const { source, reads } = sourceOf(places, true)
    const request = { digest, position: 9, order: "asc", limit: 3 } as const
    const page = await Effect.runPromise(toPage(source, { ...request, from: undefined }))
    expect(page.entries.map(({ key }) => key)).toEqual([keyOf(0), keyOf(10), keyOf(20)])
    expect(reads.reduce((sum, count) => sum + count, 0)).toBeLessThan(100)
    const last = { value: "", key: keyOf(4_970) }
    const end = await Effect.runPromise(toPage(source, { ...request, from: last }))
    expect(end).toEqual({ entries: [4_980, 4_990].map((n) => ({ value: "", key: keyOf(n) })) })
  })

  it("are read in longer steps, up to the most, where the filters let little pass", async () => {
    const places = Array.from({ length: 20_000 }, (_, index) =>
      index > 19_990 ? { value: "", key: keyOf(index) } : undefined,
    )
    const { source, reads } = sourceOf(places, true)
    const request = { digest, position: 9, order: "asc", limit: 3, from: undefined } as const
    const page = await Effect.runPromise(toPage(source, request))
    expect(page.entries.map(({ key }) => key)).toEqual([19_991, 19_992, 19_993].map(keyOf))
    expect(reads.slice(0, 5)).toEqual([4, 8, 16, 32, 64])
    expect(Math.max(...reads)).toBe(pageSizeMax)
    expect(reads.length).toBeLessThan(30)
  })

  it("are read in no longer steps than needed where all pass", async () => {
    const places = Array.from({ length: 500 }, (_, index) => ({ value: "", key: keyOf(index) }))
    const { source, reads } = sourceOf(places, true)
    const request = { digest, position: 9, order: "asc", limit: 99, from: undefined } as const
    expect((await Effect.runPromise(toPage(source, request))).entries).toHaveLength(99)
    expect(reads).toEqual([100])
  })

  it("sort texts as UTF-8, of which UTF-16 is not the order", async () => {
    const places = ["\u{1f600}", "\uff01", "b", ""].map((value, n) => ({ value, key: keyOf(n) }))
    const [page = []] = await everyPage(sourceOf(places, false).source, "asc", 9)
    expect(page.map(({ value }) => value)).toEqual(["", "b", "\uff01", "\u{1f600}"])
  })
})

/**
 * Listings: queries as they are parsed, and tables walked both ways.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { pageSizeDefault } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { strict } from "../model/schema.js"
import { artifacts } from "../projection/artifacts.js"
import { layer as viewLayer } from "../view/memory.js"
import { parseListing, tableSource } from "./list.js"
import { momentsOf } from "./moment.contract.js"
import { encodeCursor, type Order, pageFields, sortSchema } from "./page.js"

const schema = strict(
  Schema.Struct({
    name: Schema.optional(Schema.String),
    other: Schema.optional(Schema.String),
    sort: sortSchema(["name", "size"]),
    ...pageFields,
  }),
)

const parsed = (query: unknown) => Effect.runPromise(parseListing("things", schema, query))
const refused = (query: unknown) =>
  Effect.runPromise(Effect.flip(parseListing("things", schema, query)))

describe("a listing", () => {
  it("of no query is the first page of everything", async () => {
    const listing = { limit: pageSizeDefault, from: undefined, position: undefined }
    expect(await parsed(undefined)).toMatchObject({ query: {}, ...listing })
    expect(await parsed({})).toMatchObject({ query: {}, ...listing })
  })

  it("goes on from its own cursor, with any limit and in whatever order its keys are", async () => {
    const { digest } = await parsed({ name: "a", other: "b" })
    const place = { value: "v", key: "k" }
    const cursor = encodeCursor(digest, { position: 4, place })
    for (const query of [
      { name: "a", other: "b", cursor },
      { cursor, other: "b", name: "a", limit: 1_000 },
      { name: "a", other: "b", cursor, sort: undefined },
    ])
      expect(await parsed(query)).toMatchObject({ digest, from: place, position: 4 })
    for (const query of [
      { name: "a", cursor },
      { name: "a", other: "c", cursor },
    ])
      expect(await refused(query)).toMatchObject({ _tag: "InvalidInput", path: "query.cursor" })
    const sorted = { name: "a", other: "b", sort: { by: "size" }, cursor }
    expect(await refused(sorted)).toMatchObject({ _tag: "InvalidInput", path: "query.cursor" })
  })

  it.each<[unknown, string]>([
    ["everything", "query"],
    [5, "query"],
    [{ nmae: "a" }, "query.nmae"],
    [{ name: 5 }, "query.name"],
    [{ limit: 0 }, "query.limit"],
    [{ limit: 1_001 }, "query.limit"],
    [{ limit: 1.5 }, "query.limit"],
    [{ limit: Number.NaN }, "query.limit"],
    [{ limit: "5" }, "query.limit"],
    [{ cursor: "" }, "query.cursor"],
    [{ cursor: 5 }, "query.cursor"],
    [{ sort: { by: "colour" } }, "query.sort.by"],
    [{ sort: { by: "name", order: "up" } }, "query.sort.order"],
    [{ sort: { by: "name", reverse: true } }, "query.sort.reverse"],
  ])("of %j is refused at its place", async (query, path) => {
    expect(await refused(query)).toMatchObject({ _tag: "InvalidInput", path })
  })
})

describe("a table", () => {
  const recorder = new Recorder()
  for (const name of ["b", "a", "d", "c", "e"]) recorder.save(name)

  const walked = async (order: Order, sorted: boolean, position?: number) => {
    const stores = Layer.mergeAll(logLayer, viewLayer)
    const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))
    const walk = { view: artifacts, prefix: ["name"], order, sorted } as const
    const source = tableSource(at(position), walk, ({ value, cursor }) =>
      value.name === "c"
        ? undefined
        : { place: { value: "", key: cursor }, answer: () => value.name },
    )
    const names: Array<string | undefined> = []
    let after: string | undefined
    do {
      const page = await Effect.runPromise(source.read(after, 2))
      expect(page.rows.length).toBeLessThanOrEqual(2)
      names.push(...page.rows.map(({ value }) => value?.answer()))
      after = page.resume
    } while (after !== undefined)
    return names
  }

  it("is walked as asked, what does not pass left open", async () => {
    expect(await walked("asc", true)).toEqual(["a", "b", undefined, "d", "e"])
    expect(await walked("desc", true)).toEqual(["e", "d", undefined, "b", "a"])
  })

  it("whose keys are in another order is walked forwards", async () => {
    expect(await walked("desc", false)).toEqual(["a", "b", undefined, "d", "e"])
  })

  it("is walked as of then", async () => {
    expect(await walked("desc", true, 2)).toEqual(["b", "a"])
    expect(await walked("asc", true, 0)).toEqual([])
  })
})

/**
 * Tags, listed: filtered, in order, page after page while others write.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { momentsOf } from "./moment.contract.js"
import type { Moment } from "./query.js"
import { listTags, type TagQuery } from "./tags.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const history = (): Recorder => {
  const recorder = new Recorder()
  recorder.defineTag("staging")
  recorder.defineTag("production", { exclusive: true, color: "green", description: "in use" })
  recorder.save("churn", { tags: ["\u{1f600}", "\uff01", "archive"] })
  recorder.defineTag("staging", { exclusive: true })
  return recorder
}

const open = (recorder: Recorder) =>
  Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

const list = (at: (position: number | undefined) => Moment, query?: TagQuery) =>
  Effect.runPromise(listTags(at, query))

const { at } = await open(history())

const names = async (query?: TagQuery, moment = at) =>
  (await list(moment, query)).entries.map(({ name }) => name)

describe("tags", () => {
  it("are listed by name, in the order of UTF-8, unless asked otherwise", async () => {
    const ascending = ["archive", "production", "staging", "\uff01", "\u{1f600}"]
    expect(await names()).toEqual(ascending)
    expect(await names({ sort: { by: "name" } })).toEqual(ascending)
    expect(await names({ sort: { by: "name", order: "desc" } })).toEqual([...ascending].reverse())
  })

  it("are listed by age; those of one event by name", async () => {
    const oldest = ["staging", "production", "archive", "\uff01", "\u{1f600}"]
    expect(await names({ sort: { by: "createdAt" } })).toEqual(oldest)
    const newest = await names({ sort: { by: "createdAt", order: "desc" } })
    expect(newest).toEqual([...oldest].reverse())
  })

  it("pass all filters", async () => {
    expect(await names({ exclusive: true })).toEqual(["production", "staging"])
    expect(await names({ exclusive: false })).toEqual(["archive", "\uff01", "\u{1f600}"])
    expect(await names({ name: "production" })).toEqual(["production"])
    expect(await names({ name: { contains: "i" }, exclusive: false })).toEqual(["archive"])
    expect(await names({ name: "nowhere" })).toEqual([])
  })

  it("are as they were then", async () => {
    expect(await names({ exclusive: true }, () => at(3))).toEqual(["production"])
    expect(await names({}, () => at(1))).toEqual(["staging"])
    expect(await names({}, () => at(0))).toEqual([])
  })

  it("say what they mean and since when", async () => {
    const { entries, next } = await list(at, { name: "production" })
    expect(next).toBeUndefined()
    expect(entries).toMatchObject([
      { exclusive: true, color: "green", description: "in use", createdAt: new Date(timeAt(2)) },
    ])
  })
})

describe("pages of tags", () => {
  it.each<TagQuery>([
    {},
    { sort: { by: "name", order: "desc" } },
    { sort: { by: "createdAt" } },
    { sort: { by: "createdAt", order: "desc" } },
  ])("are those of the first one's moment while others write: %j", async (query) => {
    const recorder = history()
    const moments = await open(recorder)
    const seen: Array<string> = []
    let cursor: string | undefined
    do {
      const asked = { ...query, limit: 2, ...(cursor === undefined ? {} : { cursor }) }
      const page = await list(moments.at, asked)
      expect(page.entries.length).toBeGreaterThan(0)
      seen.push(...page.entries.map(({ name }) => name))
      cursor = page.next
      for (const name of ["a", "m", "z"]) recorder.defineTag(`${name} ${recorder.position}`)
      await Effect.runPromise(moments.catchUp)
    } while (cursor !== undefined)
    expect(seen).toEqual(await names(query))
  })

  it.each<[unknown, string]>([
    [{ nam: "a" }, "query.nam"],
    [{ name: { startWith: "a" } }, "query.name.startWith"],
    [{ exclusive: "yes" }, "query.exclusive"],
    [{ sort: { by: "color" } }, "query.sort.by"],
    [{ limit: 0 }, "query.limit"],
    [{ cursor: "abc" }, "query.cursor"],
  ])("of %j are refused", async (query, path) => {
    const refused = await Effect.runPromise(Effect.flip(listTags(at, query as TagQuery)))
    expect(refused).toMatchObject({ _tag: "InvalidInput", path })
  })

  it("refuse the cursor of another query", async () => {
    const { next = "" } = await list(at, { limit: 1 })
    const query = { exclusive: true, cursor: next }
    const refused = await Effect.runPromise(Effect.flip(listTags(at, query)))
    expect(refused).toMatchObject({ _tag: "InvalidInput", path: "query.cursor" })
  })
})

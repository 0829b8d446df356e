/**
 * The laws of lists, for each list query alike: pages of any size give each entry once and in
 * order, nothing that is written in between shows, and a cursor goes with its own query only.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import type { DaybookError } from "../errors.js"
import { Recorder } from "../event/recorder.contract.js"
import { cursorBytesMax, pageSizeDefault, pageSizeMax } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { listArtifacts } from "./artifacts.js"
import { momentsOf } from "./moment.contract.js"
import type { Page } from "./page.js"
import type { Asked, Moment } from "./query.js"
import { listTags } from "./tags.js"
import { listVersions } from "./versions.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const words = ["delta", "Alpha", "é", "e", "\u{1f600}", "\uff01", "a b", "10", "9"]

/** 25 artifacts of one version each, some with a second one, some of them deleted; 25 tags. */
const begin = async () => {
  const recorder = new Recorder()
  for (let nth = 0; nth < 25; nth += 1) {
    const name = `${words[nth % words.length]} ${(nth * 7) % 25}`
    recorder.save(name, { content: "x".repeat((nth * 11) % 17), tags: [`tag ${name}`] })
  }
  for (let nth = 0; nth < 25; nth += 4) {
    const name = `${words[nth % words.length]} ${(nth * 7) % 25}`
    const target = recorder.save(name, nth % 8 === 0 ? { label: `label ${nth}` } : {})
    if (nth % 3 === 0) recorder.delete(target)
  }
  recorder.defineTag("tag delta 0", { exclusive: true })
  const moments = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))
  return { recorder, ...moments }
}

/** For the tests that write nothing. */
const { at } = await begin()

/** Writes that touch everything a list shows. */
const disturb = (recorder: Recorder, round: number): void => {
  const target = recorder.save(`Alpha ${round} between`, { tags: [`between ${round}`] })
  recorder.save("delta 0", { content: "x".repeat(round) })
  recorder.tag(target, "tag delta 0")
  recorder.log("delta 0", { round })
  recorder.delete(round % 2 === 0 ? "delta 0" : target)
  if (round % 2 === 0) recorder.restore("delta 0")
  recorder.defineTag("tag delta 1", { exclusive: round % 2 === 0 })
}

interface Query {
  readonly limit?: number
  readonly cursor?: string
  readonly sort?: object
}
interface Entry {
  readonly id: string
  readonly name: string
}
type At = (position: number | undefined) => Moment
interface List {
  readonly list: (at: At, query: Query | undefined) => Asked<Page<Entry>>
  readonly keys: ReadonlyArray<string>
  readonly filter: object
}

const lists: ReadonlyArray<[string, List]> = [
  [
    "artifacts",
    {
      list: (when, query) => listArtifacts(when, query as Parameters<typeof listArtifacts>[1]),
      keys: ["name", "createdAt", "updatedAt"],
      filter: { name: { contains: "e" } },
    },
  ],
  [
    "versions",
    {
      list: (when, query) => listVersions(when, query as Parameters<typeof listVersions>[1]),
      keys: ["createdAt", "name", "version", "size"],
      filter: { name: { contains: "e" }, version: { ne: "2" } },
    },
  ],
  [
    "tags",
    {
      list: (when, query) => listTags(when, query as Parameters<typeof listTags>[1]),
      keys: ["name", "createdAt"],
      filter: { name: { contains: "e" }, exclusive: false },
    },
  ],
]

const page = ({ list }: List, query?: Query, when: At = at) => Effect.runPromise(list(when, query))
const refusal = ({ list }: List, query: unknown): Promise<DaybookError> =>
  Effect.runPromise(Effect.flip(list(at, query as Query)))

const walk = async (list: List, when: At, query: Query, between: () => Promise<void>) => {
  const pages: Array<ReadonlyArray<Entry>> = []
  let cursor: string | undefined
  do {
    const next = await page(list, cursor === undefined ? query : { ...query, cursor }, when)
    pages.push(next.entries)
    cursor = next.next
    await between()
  } while (cursor !== undefined)
  return pages
}

const still = () => Promise.resolve()

const sortings = lists.flatMap(([name, list]) =>
  list.keys.flatMap((by) =>
    (["asc", "desc"] as const).map((order) => ({ name, list, by, order }) as const),
  ),
)

describe.each(sortings)("$name by $by, $order", ({ list, by, order }) => {
  const sort = { by, order }

  it("come in pages of any size, each entry once and in one order", async () => {
    const whole = await page(list, { sort, limit: pageSizeMax })
    const count = whole.entries.length
    expect(whole.next).toBeUndefined()
    expect(count).toBeGreaterThanOrEqual(25)
    expect(new Set(whole.entries.map(({ id }) => id)).size).toBe(count)
    for (const limit of [1, 7, count - 1, count]) {
      const pages = await walk(list, at, { sort, limit }, still)
      expect(pages.flat()).toEqual(whole.entries)
      expect(pages.slice(0, -1).every(({ length }) => length === limit)).toBe(true)
      expect(pages.length).toBe(Math.ceil(count / limit))
    }
  })

  it("come the other way round when asked to", async () => {
    const other = { by, order: order === "asc" ? "desc" : "asc" }
    const { entries } = await page(list, { sort, limit: pageSizeMax })
    const turned = await page(list, { sort: other, limit: pageSizeMax })
    expect(turned.entries.toReversed()).toEqual(entries)
  })

  it("stay as they were at the first page, whatever is written in between", async () => {
    const { recorder, at: when, catchUp } = await begin()
    const query = { sort, ...list.filter }
    const whole = { ...query, limit: pageSizeMax }
    const { entries } = await page(list, whole, when)
    let round = 0
    const pages = await walk(list, when, { ...query, limit: 1 }, async () => {
      disturb(recorder, round)
      round += 1
      await Effect.runPromise(catchUp)
    })
    expect(round).toBeGreaterThan(4)
    expect(pages.flat()).toEqual(entries)
    expect((await page(list, whole, when)).entries).not.toEqual(entries)
  })
})

describe.each(lists)("a query of %s", (_, list) => {
  it("asks for nothing in particular when it is left out", async () => {
    const all = await page(list)
    expect(all.entries.length).toBe(pageSizeDefault)
    expect(all).toEqual(await page(list, {}))
  })

  it("has no next page where the first one holds all, or nothing", async () => {
    const { entries } = await page(list, { limit: pageSizeMax })
    expect(await page(list, { limit: entries.length })).toEqual({ entries })
    expect(await page(list, {}, () => at(0))).toEqual({ entries: [] })
  })

  it.each<[object | string, string]>([
    [{ nme: "x" }, "query.nme"],
    [{ or: [{ name: "x" }] }, "query.or"],
    [{ name: 7 }, "query.name"],
    [{ name: { like: "x" } }, "query.name"],
    [{ sort: { by: "id" } }, "query.sort.by"],
    [{ sort: { by: "name", order: "up" } }, "query.sort.order"],
    [{ sort: "name" }, "query.sort"],
    [{ sort: {} }, "query.sort.by"],
    [{ sort: { by: "name", thenBy: "size" } }, "query.sort.thenBy"],
    [{ limit: 1.5 }, "query.limit"],
    [{ limit: 0 }, "(query.)?limit"],
    [{ limit: pageSizeMax + 1 }, "(query.)?limit"],
    [{ cursor: 7 }, "query.cursor"],
    ["name", "query"],
  ])("of %j is refused, naming the path", async (query, path) => {
    expect(await refusal(list, query)).toMatchObject({
      _tag: "InvalidInput",
      path: expect.stringMatching(new RegExp(`^${path}`)),
    })
  })
})

describe.each(lists)("a cursor of %s", (name, list) => {
  it("goes on with another limit, and with the same query written in another order", async () => {
    const sort = { by: "name", order: "asc" }
    const { entries } = await page(list, { sort, ...list.filter, limit: 9 })
    const { next } = await page(list, { sort, ...list.filter, limit: 2 })
    const query = { ...list.filter, limit: 7, sort: { order: "asc", by: "name" } }
    const rest = await page(list, { ...query, cursor: next ?? "" })
    expect(rest.entries).toEqual(entries.slice(2))
  })

  it("is refused by another query, and by one of another kind", async () => {
    const sort = { by: "name" }
    const { next: cursor = "" } = await page(list, { sort, limit: 2 })
    const others = [{}, { sort: { by: "createdAt" } }, { sort, ...list.filter }]
    for (const query of [...others, { sort: { by: "name", order: "desc" } }])
      expect(await refusal(list, { ...query, cursor })).toMatchObject({
        _tag: "InvalidInput",
        path: expect.stringContaining("cursor"),
      })
    for (const [, other] of lists.filter(([kind]) => kind !== name))
      expect(await refusal(other, { sort, cursor })).toMatchObject({ _tag: "InvalidInput" })
  })

  it.each<[string, string]>([
    ["nothing", ""],
    ["garbage", "not a cursor"],
    ["what is no MessagePack", Buffer.from([0xc1, 0xc1]).toString("base64url")],
    ["a number", Buffer.from([7]).toString("base64url")],
    ["an empty list", Buffer.from([0x90]).toString("base64url")],
    ["more than any cursor has", "k".repeat(cursorBytesMax + 1)],
  ])("of %s is refused", async (_, cursor) => {
    expect(await refusal(list, { cursor })).toMatchObject({
      _tag: "InvalidInput",
      path: expect.stringContaining("cursor"),
    })
  })

  it("that was tampered with gives a page or a refusal, and never a defect", async () => {
    const sort = { by: "name" }
    const { next: cursor = "" } = await page(list, { sort, limit: 2 })
    for (let index = 0; index < cursor.length; index += 1) {
      const changed = cursor[index] === "A" ? "B" : "A"
      const query = { sort, cursor: cursor.slice(0, index) + changed + cursor.slice(index + 1) }
      const answer = await Effect.runPromise(
        Effect.catch(list.list(at, query), (error) => Effect.succeed(error)),
      )
      if (answer instanceof Error) expect(answer).toMatchObject({ _tag: "InvalidInput" })
      else expect(answer.entries.length).toBeLessThanOrEqual(pageSizeDefault)
    }
  })
})

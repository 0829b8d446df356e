/**
 * Programs that bring their own events, commands, projections and materializers: each is added from
 * outside, and none of them wipes, breaks or blocks what it does not know.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { command } from "../command/command.js"
import { InvalidInput, LogFailure } from "../errors.js"
import { eventType, type Recorded } from "../event/event.js"
import type { Materializer } from "../materializer/materializer.js"
import { projection } from "../projection/projection.js"
import { MemoryPlace, opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

/** A shop that takes orders. */
const orderPlaced = eventType({
  type: "shop/order-placed",
  revision: 1,
  schema: Schema.Struct({ goods: Schema.String, count: Schema.Int }),
  sentence: ({ goods, count }) => `ordered ${count} of ${goods}`,
})

type Order = { readonly goods: string; readonly count: number }

type OrderTables = {
  /** [goods]: how many were ordered. */
  readonly goods: number
  readonly total: number
}

const orders = projection<OrderTables, { readonly "shop/order-placed": Order }>()({
  name: "shop/orders",
  revision: 1,
  on: {
    "shop/order-placed": (rows, { data: { goods, count } }) => {
      rows.put(["goods", goods], (rows.get(["goods", goods]) ?? 0) + count)
      rows.put(["total"], (rows.get(["total"]) ?? 0) + count)
    },
  },
})

const stock = 10

const placeOrder = command<Order>({
  name: "shop/place-order",
  parse: (input) => {
    const { goods, count } = input as Partial<Order>
    return typeof goods === "string" && typeof count === "number"
      ? { goods, count }
      : new InvalidInput({ message: "an order has goods and a count", path: "order" })
  },
  decide: ({ goods, count }, views) => {
    const before = views.view(orders).get(["goods", goods]) ?? 0
    if (before + count > stock)
      return new InvalidInput({ message: `only ${stock - before} are left`, path: "order.count" })
    const facts = [
      { type: "shop/order-placed", data: { goods, count }, subjects: [`goods ${goods}`] },
    ]
    return count === 0 ? { facts: [], result: before } : { facts, result: before + count }
  },
})

const shop = { events: [orderPlaced], commands: [placeOrder], projections: [orders] }

/** An auditor who counts events of every type, whether he knows them or not. */
const tally = projection<{ readonly type: number }>()({
  name: "own/tally",
  revision: 1,
  on: {},
  onEvery: (rows, { type }) => rows.put(["type", type], (rows.get(["type", type]) ?? 0) + 1),
})

const auditor = { projections: [tally] }

const collect = async <A>(iterable: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const collected: Array<A> = []
  for await (const one of iterable) collected.push(one)
  return collected
}

describe("what a program brings along", () => {
  it("is had from the public door", async () => {
    const door = await import(new URL("../index.ts", import.meta.url).href)
    expect(door).toMatchObject({ command, eventType, projection, openLedger })
  })

  it("is decided, recorded, folded and told like what is built in", async () => {
    const ledger = await opened({ memory: true, actor: "ann", ...shop })
    const first = await ledger.execute(placeOrder, { goods: "tea", count: 3 })
    expect(first).toEqual({ position: 2, changed: true, result: 3 })
    await ledger.execute(placeOrder, { goods: "tea", count: 4 }, { reason: "thirst" })
    await ledger.execute(placeOrder, { goods: "cups", count: 2 })
    const view = ledger.view(orders)
    const total: number | undefined = await view.get(["total"])
    expect(total).toBe(9)
    expect(await view.list(["goods"])).toEqual({
      entries: [
        { key: ["cups"], value: 2 },
        { key: ["tea"], value: 7 },
      ],
    })
    expect(await ledger.asOf(2).view(orders).get(["goods", "tea"])).toBe(3)
    const events = await collect(ledger.replay({ types: ["shop/order-placed"] }))
    expect(events.map(({ data }) => data)).toMatchObject([{ count: 3 }, { count: 4 }, { count: 2 }])
    expect(events.map(({ subjects }) => subjects[0]?.previous)).toEqual([0, 2, 0])
    expect(events.map(ledger.formatEvent)).toEqual([
      "ann ordered 3 of tea",
      "ann ordered 4 of tea: thirst",
      "ann ordered 2 of cups",
    ])
  })

  it("is refused in its own words, and decided one after the other", async () => {
    const ledger = await opened({ memory: true, ...shop })
    const orderTea = () => ledger.execute(placeOrder, { goods: "tea", count: 3 })
    const settled = await Promise.allSettled([orderTea(), orderTea(), orderTea(), orderTea()])
    expect(settled.map(({ status }) => status).sort()).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
    ])
    await expect(orderTea()).rejects.toMatchObject({ _tag: "InvalidInput", path: "order.count" })
    const refused = ledger.execute(placeOrder, { goods: 5 })
    await expect(refused).rejects.toMatchObject({ message: "an order has goods and a count" })
    expect(ledger.position).toBe(4)
  })

  it("cannot record facts that its schema refuses", async () => {
    const ledger = await opened({ memory: true, ...shop })
    const half = ledger.execute(placeOrder, { goods: "tea", count: 1.5 })
    await expect(half).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: expect.stringMatching(/count/),
    })
    expect(ledger.position).toBe(1)
    expect(await ledger.view(orders).get(["total"])).toBeUndefined()
  })

  it("answers a keyed call the same for good, whether it changed anything or not", async () => {
    const ledger = await opened({ memory: true, ...shop })
    const order = (count: number, idempotencyKey: string) =>
      ledger.execute(placeOrder, { goods: "tea", count }, { idempotencyKey })
    const [first, nothing] = [await order(2, "a"), await order(0, "b")]
    expect(nothing).toMatchObject({ changed: false, result: 2 })
    await order(5, "c")
    expect([await order(2, "a"), await order(0, "b")]).toEqual([first, nothing])
    await expect(order(3, "a")).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
    expect(await ledger.view(orders).get(["total"])).toBe(7)
  })

  it("is not executed where it was not given to the ledger", async () => {
    const ledger = await opened()
    const call = ledger.execute(placeOrder, { goods: "tea", count: 1 })
    await expect(call).rejects.toMatchObject({ _tag: "InvalidInput", path: "command" })
    const view = ledger.view(orders).get(["total"])
    await expect(view).rejects.toMatchObject({ _tag: "InvalidInput", path: "projection" })
  })

  it.each([
    ["events", { events: [orderPlaced, orderPlaced] }],
    ["events", { events: [{ ...orderPlaced, type: "version-saved" }] }],
    ["commands", { commands: [{ ...placeOrder, name: "tag" }] }],
    ["projections", { projections: [{ ...tally, name: "versions" }] }],
  ])("cannot take a name that is taken among the %s", async (kind, extensions) => {
    const clash = openLedger({ memory: true, ...extensions })
    await expect(clash).rejects.toMatchObject({ _tag: "InvalidInput", path: `options.${kind}` })
  })
})

/** Takes turns: each program opens the ledger, does its work and closes it. */
const turn = async <A>(
  directory: string,
  extensions: typeof shop | typeof auditor,
  work: (ledger: PromiseLedger) => Promise<A>,
): Promise<A> => {
  const ledger = await openLedger({ directory, ...extensions })
  try {
    return await work(ledger)
  } finally {
    await ledger.close()
  }
}

describe("two programs on one ledger", () => {
  it("take turns, and find their views as they should be", async () => {
    const directory = join(temporary(), "ledger")
    const order = (ledger: PromiseLedger) => ledger.execute(placeOrder, { goods: "tea", count: 1 })
    await turn(directory, shop, async (ledger) => {
      await order(ledger)
      await ledger.save("a", 1)
    })
    await turn(directory, auditor, async (ledger) => {
      expect(ledger.trust.repaired).toEqual(["the view own/tally was built from the log"])
      expect(await ledger.view(tally).get(["type", "shop/order-placed"])).toBe(1)
      await ledger.save("a", 2)
    })
    await turn(directory, shop, async (ledger) => {
      expect(ledger.trust.repaired).toEqual(["1 events were folded into the views"])
      expect(await ledger.view(orders).get(["total"])).toBe(1)
      await order(ledger)
      expect(await ledger.view(orders).get(["total"])).toBe(2)
    })
    await turn(directory, auditor, async (ledger) => {
      expect(ledger.trust.repaired).toEqual(["1 events were folded into the views"])
      expect(await ledger.view(tally).list(["type"])).toEqual({
        entries: [
          { key: ["ledger-created"], value: 1 },
          { key: ["shop/order-placed"], value: 2 },
          { key: ["version-saved"], value: 2 },
        ],
      })
    })
  })

  it("see each other's events undecoded, never as an error", async () => {
    const directory = join(temporary(), "ledger")
    const placed = { position: 2, type: "shop/order-placed", data: { goods: "tea", count: 1 } }
    await turn(directory, shop, (ledger) =>
      ledger.execute(placeOrder, placed.data, { reason: "thirst" }),
    )
    await turn(directory, auditor, async (ledger) => {
      const [event] = await collect(ledger.replay({ after: 1 }))
      expect(event).toMatchObject(placed)
      expect(ledger.formatEvent(event as Recorded)).toBe(
        "someone recorded shop/order-placed: thirst",
      )
      expect(await ledger.rebuild()).toEqual({ events: 2 })
    })
    await turn(directory, shop, async (ledger) => {
      expect(await ledger.view(orders).get(["goods", "tea"])).toBe(1)
    })
  })

  it("read older revisions upcast, and newer ones undecoded", async () => {
    const directory = join(temporary(), "ledger")
    const newer = {
      ...orderPlaced,
      revision: 2,
      schema: Schema.Struct({ goods: Schema.String, count: Schema.Int, gift: Schema.Boolean }),
      upcasts: { 1: (data: object) => ({ ...data, gift: false }) },
      sentence: ({ gift }: { readonly gift: boolean }) => (gift ? "gave a gift" : "ordered"),
    }
    const give = command<null>({
      name: "shop/give",
      parse: () => null,
      decide: () => ({
        facts: [
          { type: "shop/order-placed", data: { goods: "tea", count: 1, gift: true }, subjects: [] },
        ],
        result: null,
      }),
    })
    await turn(directory, shop, (own) => own.execute(placeOrder, { goods: "tea", count: 1 }))
    const shopLater = { ...shop, events: [newer], commands: [give] } as unknown as typeof shop
    await turn(directory, shopLater, async (ledger) => {
      await ledger.execute(give, null, { idempotencyKey: "gift" })
      const events = await collect(ledger.replay({ after: 1 }))
      expect(events.map(({ data }) => data)).toMatchObject([{ gift: false }, { gift: true }])
      expect(events.map(({ revision }) => revision)).toEqual([1, 2])
    })
    await turn(directory, shop, async (ledger) => {
      const [, event] = await collect(ledger.replay({ after: 1 }))
      expect(event).toMatchObject({ revision: 2, data: { gift: true } })
      expect(ledger.formatEvent(event as Recorded)).toBe("someone recorded shop/order-placed")
    })
    // What a newer release answered is in events that this one cannot read.
    await turn(directory, { ...shop, commands: [give] } as unknown as typeof shop, (ledger) =>
      expect(ledger.execute(give, null, { idempotencyKey: "gift" })).rejects.toMatchObject({
        _tag: "WrongLedger",
        found: "shop/order-placed of revision 2",
      }),
    )
  })
})

/** Counts saves; cannot stand the third version. */
const fragile = (revision: number, mended: boolean) =>
  projection<{ readonly saves: number }>()({
    name: "own/fragile",
    revision,
    on: {
      "version-saved": (rows, { data }) => {
        if (data.version.label === "3" && !mended) throw new Error("three is too many")
        rows.put(["saves"], (rows.get(["saves"]) ?? 0) + 1)
      },
    },
  })

describe("a projection that throws", () => {
  const stopped = { lag: 2, stopped: "Error: three is too many" }

  it("stops there and says so, and holds up nothing else", async () => {
    const own = fragile(1, false)
    const ledger = await opened({ memory: true, projections: [own, tally] })
    await Promise.all([1, 2, 3, 4].map((n) => ledger.save("a", n)))
    const { projections } = await ledger.stats()
    expect(projections).toMatchObject({
      "own/fragile": stopped,
      "own/tally": { lag: 0 },
      versions: { lag: 0 },
    })
    expect(await ledger.view(tally).get(["type", "version-saved"])).toBe(4)
    expect((await ledger.get("a")).version).toBe("4")
    const view = ledger.view(own).get(["saves"])
    await expect(view).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "projection",
      message: expect.stringContaining("position 4"),
    })
    expect(await ledger.asOf(3).view(own).get(["saves"])).toBe(2)
    await expect(ledger.asOf(4).view(own).list(["saves"])).rejects.toMatchObject({
      path: "projection",
    })
    await ledger.rebuild()
    expect((await ledger.stats()).projections).toMatchObject({ "own/fragile": stopped })
  })

  it("is where it was after a rebuild that failed, and misses no event", async () => {
    const own = fragile(1, false)
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        for (const n of [1, 2, 3, 4]) yield* ledger.save("a", n)
        place.fail.log = (operation) =>
          operation === "read"
            ? new LogFailure({ message: "no", operation, reason: "io", outcome: "none" })
            : undefined
        expect(yield* Effect.flip(ledger.rebuild())).toMatchObject({ _tag: "LogFailure" })
        delete place.fail.log
        yield* ledger.save("b", 1)
        const { projections } = yield* ledger.stats()
        expect(projections).toMatchObject({ "own/fragile": { lag: 3, stopped: stopped.stopped } })
      }),
      { projections: [own] },
    )
  })

  it.each([1, 2])("goes on when its fold is mended, as revision %i", async (revision) => {
    const directory = join(temporary(), "ledger")
    const broken = await openLedger({ directory, projections: [fragile(1, false)] })
    for (const n of [1, 2, 3, 4]) await broken.save("a", n)
    await broken.close()
    const again = await openLedger({ directory, projections: [fragile(1, false)] })
    expect((await again.stats()).projections).toMatchObject({ "own/fragile": stopped })
    await again.save("b", 1)
    await again.close()
    const mended = fragile(revision, true)
    const ledger = await opened({ directory, projections: [mended] })
    expect((await ledger.stats()).projections).toMatchObject({ "own/fragile": { lag: 0 } })
    expect(await ledger.view(mended).get(["saves"])).toBe(5)
    // Where it had stopped, it went on; under another revision it began anew.
    expect(await ledger.asOf(3).view(mended).get(["saves"])).toBe(2)
  })
})

/** Points on a plane, which no built-in form gives back as what they are. */
class Point {
  readonly x: number
  readonly y: number
  constructor(x: number, y: number) {
    this.x = x
    this.y = y
  }
}

const readPoint = (text: string): Point => {
  const [x = 0, y = 0] = text.split(",").map(Number)
  return new Point(x, y)
}

const points: Materializer<Point, Point> = {
  name: "point",
  revision: 2,
  accepts: (value): value is Point => value instanceof Point,
  save: ({ x, y }, out) => out.write("point.csv", `${x},${y}`),
  load: async (files) => readPoint(await files.text("point.csv")),
  readers: { 1: async (files) => readPoint((await files.text("point.txt")).replace(" ", ",")) },
  metadata: ({ x, y }) => ({ distance: Math.hypot(x, y) }),
}

/** As it was before. */
const pointsBefore: Materializer<Point, Point> = {
  ...points,
  revision: 1,
  save: ({ x, y }, out) => out.write("point.txt", `${x} ${y}`),
}

describe("a materializer of a caller's own", () => {
  it("writes and reads what no built-in one does", async () => {
    const ledger = await opened({ memory: true, materializers: [points] })
    const version = await ledger.save("p", new Point(3, 4))
    expect(version.materializer).toBe("point@2")
    expect(version.metadata).toMatchObject({ distance: 5 })
    expect(await ledger.load(version)).toEqual(new Point(3, 4))
    expect(await ledger.load("p")).toBeInstanceOf(Point)
    const refused = ledger.save("p", 1, { materializer: "point" })
    await expect(refused).rejects.toMatchObject({ _tag: "InvalidInput", path: "value" })
  })

  it("reads what an older revision of it wrote, and names itself where it is missing", async () => {
    const directory = join(temporary(), "ledger")
    const before = await openLedger({ directory, materializers: [pointsBefore] })
    await before.save("p", new Point(3, 4))
    await before.close()
    const after = await openLedger({ directory, materializers: [points] })
    expect(await after.load("p")).toEqual(new Point(3, 4))
    await after.close()
    const without = await opened(directory)
    await expect(without.load("p")).rejects.toMatchObject({
      _tag: "TypeMismatch",
      message: expect.stringContaining("point@1"),
    })
    expect(await without.load("p", { as: points })).toEqual(new Point(3, 4))
  })

  it("may have changed when a keyed save is tried again", async () => {
    const directory = join(temporary(), "ledger")
    const save = async (revision: number) => {
      const own = { ...points, revision, metadata: () => ({ revision }) }
      const ledger = await openLedger({ directory, materializers: [own] })
      const version = await ledger.save("p", new Point(3, 4), { idempotencyKey: "k" })
      await ledger.close()
      return version
    }
    const first = await save(2)
    expect(await save(3)).toEqual(first)
  })

  it("takes the place of a built-in one of its name, or comes before them all", async () => {
    const shouting: Materializer<string, string> = {
      name: "text",
      revision: 9,
      accepts: (value): value is string => typeof value === "string",
      save: (value, out) => out.write("loud.txt", value.toUpperCase()),
      load: (files) => files.text("loud.txt"),
    }
    const ledger = await opened({ memory: true, materializers: [shouting] })
    expect(await ledger.load(await ledger.save("a", "hush"))).toBe("HUSH")
    const last = await opened({ memory: true, materializers: (builtIn) => [...builtIn, points] })
    expect((await last.save("a", "hush")).materializer).toBe("text@1")
    expect((await last.save("p", new Point(1, 1))).materializer).toBe("point@2")
  })
})

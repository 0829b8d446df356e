/**
 * What every ledger must do, wherever it keeps its bytes: everything that can be asked of one as a
 * single value, to compare two by; and the laws as a suite of Vitest.
 *
 * Knows the operations, not where their ledger lies.
 */
import { Readable } from "node:stream"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { strFromU8, unzipSync } from "fflate"
import { describe, expect, it, onTestFinished } from "vitest"
import { isDaybookError } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { Reference, Target } from "../model/reference.js"
import type { ReplayQuery } from "../query/history.js"
import { readRegistry, registryRange, slotRanges } from "../view/registry.js"
import { decodeRow, rowChecksum } from "../view/row.js"
import { ViewStore } from "../view/view-store.js"
import type { ReaderApi } from "./api.js"
import type { PromiseLedger } from "./promise.js"

type Reader = ReaderApi<"effect">

/** What to ask about. Nothing of it need exist. */
export interface Asked {
  readonly artifacts: ReadonlyArray<string>
  /** Labels and tags. */
  readonly selectors: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
  readonly keys: ReadonlyArray<string>
  /** Ids of versions. */
  readonly ids: ReadonlyArray<string>
}

type Questions = Generator<readonly [string, Effect.Effect<unknown>]>

/** An answer, or everything that is to be known of the refusal. Defects are rethrown. */
const answerOf = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<unknown> =>
  Effect.map(Effect.exit(call), (exit) => {
    if (Exit.isSuccess(exit)) return exit.value
    const error = Exit.findErrorOption(exit)
    if (error._tag === "None" || !isDaybookError(error.value)) throw Cause.squash(exit.cause)
    return { ...error.value, refused: error.value._tag, message: error.value.message }
  })

const all = <A, E>(stream: Stream.Stream<A, E>) => answerOf(Stream.runCollect(stream))

const bytesOf = <E>(stream: Stream.Stream<Uint8Array, E>) =>
  Effect.map(Stream.runCollect(stream), (pieces) => digestOf(...pieces))

/** Every way to say which version is meant. */
const referencesOf = ({ artifacts, selectors, ids }: Asked): ReadonlyArray<Reference> => [
  ...artifacts,
  ...artifacts.flatMap((name) => [`${name}@latest`, { name }, { name, version: 1 }]),
  ...artifacts.flatMap((name) => selectors.map((selector) => `${name}@${selector}`)),
  ...ids.flatMap((id) => [id, { id }, id.toLowerCase(), id.slice(-8), id.slice(0, 18)]),
]

const targetsOf = (asked: Asked): ReadonlyArray<Target> => [
  ...asked.artifacts.map((artifact) => ({ artifact })),
  ...asked.tags.map((tag) => ({ tag })),
  ...asked.artifacts.flatMap((name) => asked.selectors.map((label) => `${name}@${label}`)),
  ...asked.ids,
]

const zipOf = (reader: Reader, reference: Reference) =>
  Effect.gen(function* () {
    const { size, etag, filename, stream } = yield* reader.zip(reference)
    const bytes = yield* bytesOf(stream())
    const part = yield* bytesOf(stream({ start: 3, end: size - 5 }))
    return { size, etag, filename, bytes, part }
  })

const orders = ["asc", "desc"] as const

const lists = function* (reader: Reader, { artifacts, tags }: Asked) {
  const tag = tags[0] ?? ""
  const name = artifacts[0] ?? ""
  for (const order of orders) {
    for (const by of ["name", "createdAt", "updatedAt"] as const)
      yield [
        `artifacts by ${by} ${order}`,
        all(reader.artifacts({ sort: { by, order }, limit: 2 })),
      ]
    for (const by of ["createdAt", "name", "version", "size"] as const)
      yield [`versions by ${by} ${order}`, all(reader.versions({ sort: { by, order }, limit: 2 }))]
    for (const by of ["name", "createdAt"] as const)
      yield [`tags by ${by} ${order}`, all(reader.tags({ sort: { by, order }, limit: 2 }))]
    const sort = { by: "createdAt", order } as const
    yield [`versions of one ${order}`, all(reader.versions({ name, sort, limit: 1 }))]
  }
  yield ["the first page of artifacts", answerOf(reader.listArtifacts({ limit: 1 }))]
  yield ["the first page of versions", answerOf(reader.listVersions({ limit: 1 }))]
  yield ["the first page of tags", answerOf(reader.listTags({ limit: 1 }))]
  yield ["tagged artifacts", all(reader.artifacts({ tags: tag }))]
  yield ["tagged versions", all(reader.versions({ tags: { any: tags.slice(0, 1), none: [] } }))]
  yield ["untagged versions", all(reader.versions({ tags: { none: [tag] } }))]
  yield ["held versions", all(reader.versions({ held: true }))]
  yield ["versions by label", all(reader.versions({ version: { in: ["1", "2"] } }))]
  yield ["exclusive tags", all(reader.tags({ exclusive: true }))]
}

const asNumber = Schema.toStandardSchemaV1(Schema.Number)
const asText = Schema.toStandardSchemaV1(Schema.String)

/** What is stored, as it is and as it may not be. */
const contents = function* (reader: Reader, { artifacts, ids }: Asked) {
  for (const id of ids) {
    yield [`load ${id}`, answerOf(reader.load({ id }))]
    yield [`load ${id} as a number`, answerOf(reader.load({ id }, { as: asNumber }))]
    yield [`load ${id} as text`, answerOf(reader.load({ id }, { as: asText }))]
    yield [`open ${id}`, answerOf(bytesOf(reader.open({ id })))]
    yield [`open no file of ${id}`, answerOf(bytesOf(reader.open({ id }, "none")))]
    yield [`zip ${id}`, answerOf(zipOf(reader, { id }))]
  }
  for (const name of artifacts)
    yield [`load 1 of ${name}`, answerOf(reader.load(name, { version: 1, as: asNumber }))]
}

/** The log, by every filter and some together. */
const replays = function* (reader: Reader, { artifacts, tags }: Asked) {
  const [name = "", tag = ""] = [artifacts[0], tags[0]]
  const queries: Readonly<Record<string, ReplayQuery>> = {
    everything: {},
    "from the second": { after: 1 },
    "up to the third": { upTo: 3 },
    "the fourth and fifth": { after: 3, upTo: 5 },
    "of a type": { types: ["tags-added"] },
    "of types": { types: ["version-saved", "metadata-logged", "none-such"] },
    "by an actor": { actor: "ann" },
    "of one correlation": { correlationId: "c" },
    "later than": { time: { after: new Date(2) } },
    "earlier than": { time: { before: new Date(4) } },
    between: { time: { after: new Date(0), before: new Date(5) } },
    "of a tag by an actor": { tag, actor: "ann" },
    "of an artifact, later": { target: { artifact: name }, after: 2 },
    "of an artifact and a tag": { target: { artifact: name }, tag },
    "of a version, by type": { target: `${name}@1`, types: ["tags-added", "tags-removed"] },
  }
  for (const [filter, query] of Object.entries(queries))
    yield [`replay ${filter}`, all(reader.replay(query))]
}

const questions = function* (reader: Reader, asked: Asked): Questions {
  for (const name of asked.artifacts) {
    yield [`artifact ${name}`, answerOf(reader.artifact(name))]
    yield [`find artifact ${name}`, answerOf(reader.findArtifact(name))]
    for (const key of asked.keys)
      yield [`series of ${key} of ${name}`, answerOf(reader.metadataSeries(name, key))]
  }
  for (const tag of asked.tags) {
    yield [`find tag ${tag}`, answerOf(reader.findTag(tag))]
    yield [`events about ${tag}`, all(reader.replay({ tag }))]
  }
  for (const reference of referencesOf(asked)) {
    const named = JSON.stringify(reference)
    yield [`get ${named}`, answerOf(reader.get(reference))]
    yield [`find ${named}`, answerOf(reader.find(reference))]
  }
  for (const target of targetsOf(asked)) {
    const named = JSON.stringify(target)
    yield [`history of ${named}`, all(reader.history(target))]
    yield [`metadata of ${named}`, answerOf(reader.metadataHistory(target))]
    for (const key of asked.keys)
      yield [`${key} of ${named}`, answerOf(reader.metadataHistory(target, key))]
    yield [`events about ${named}`, all(reader.replay({ target, types: ["version-saved"] }))]
  }
  yield* contents(reader, asked) as Questions
  yield* replays(reader, asked) as Questions
  yield* lists(reader, asked) as Questions
}

/** The answer to every question there is, refusals included, by the question. */
export const answers = (
  reader: Reader,
  asked: Asked,
): Effect.Effect<Readonly<Record<string, unknown>>> =>
  Effect.map(
    Effect.forEach(questions(reader, asked), ([question, answer]) =>
      Effect.map(answer, (value) => [question, value] as const),
    ),
    Object.fromEntries,
  )

// More rows than any test makes.
const rowCountMax = 10_000_000

/** Every row in use, by view and key, wherever it was built. Throws where counts or sums differ. */
export const rowsOf = Effect.gen(function* () {
  const store = yield* ViewStore
  const all = { reverse: false, countMax: rowCountMax }
  const [entries = []] = yield* store.scan([{ ...registryRange, ...all }])
  const found = new Map<string, unknown>()
  for (const { state, build } of readRegistry(entries)) {
    const { name, stamp, position, slot } = state
    const spaces = slotRanges(slot)
    const scanned = yield* store.scan(spaces.map((space) => ({ ...space, ...all })))
    let [count, sum] = [0, 0]
    for (const [index, rows] of scanned.entries()) {
      for (const [key, row] of rows) {
        const own = key.slice(spaces[index]?.gte.length)
        found.set(`${name} ${index} ${own}`, decodeRow(key, row))
        count += 1
        sum = (sum + rowChecksum(row)) % 2 ** 48
      }
    }
    expect({ name, count, sum }).toEqual({ name, count: state.rowCount, sum: state.rowSum })
    found.set(name, { stamp, position, build, count })
  }
  return found
})

const range = (length: number): ReadonlyArray<number> =>
  Array.from({ length }, (_, index) => index + 1)

const collect = async <A>(iterable: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const collected: Array<A> = []
  for await (const one of iterable) collected.push(one)
  return collected
}

const read = async (bytes: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await collect(bytes))

const eventsAfter = (ledger: PromiseLedger, after: number) => collect(ledger.replay({ after }))

const streamed = (...texts: ReadonlyArray<string>) =>
  Readable.from(texts.map((text) => Buffer.from(text)))

type Law = (title: string, check: (ledger: PromiseLedger) => Promise<void>) => void

const concurrencyLaws = (law: Law): void => {
  law(
    "two hundred saves at once get versions 1 to 200, at positions without a gap",
    async (own) => {
      const versions = await Promise.all(range(200).map((n) => own.save("a", n)))
      const numbers = versions.map(({ number }) => number)
      expect(numbers.toSorted((a, b) => Number(a) - Number(b))).toEqual(range(200))
      const positions = versions.map(({ position }) => position)
      expect(positions.toSorted((a, b) => a - b)).toEqual(range(200).map((n) => n + 1))
      expect(own.position).toBe(201)
      const events = await eventsAfter(own, 0)
      expect(events.map(({ position }) => position)).toEqual(range(201))
      expect(await Promise.all(versions.map((version) => own.load(version)))).toEqual(range(200))
    },
  )

  law("writes of all kinds at once leave one order", async (own) => {
    await own.save("a", 0)
    await own.defineTag("only", { exclusive: true })
    await Promise.all(
      range(20).flatMap((n) => [
        own.save("a", n, { tags: "only" }),
        own.tag("a", "many"),
        own.logMetadata({ artifact: "a" }, { n }),
        own.save(`b${n}`, n),
      ]),
    )
    const events = await eventsAfter(own, 0)
    expect(events.map(({ position }) => position)).toEqual(range(own.position))
    const { entries } = await own.listVersions({ tags: "only" })
    const [last] = events.filter(({ type }) => type === "version-saved").slice(-1)
    expect(entries).toHaveLength(1)
    expect((await own.get("a@only")).version).toBe("21")
    expect(last).toBeDefined()
  })
}

const keyLaws = (law: Law): void => {
  law("fifty callers with one idempotency key make one event and get one answer", async (own) => {
    const options = { idempotencyKey: "k", tags: "t" }
    const versions = await Promise.all(range(50).map(() => own.save("a", { x: 1 }, options)))
    expect(new Set(versions.map(({ id }) => id)).size).toBe(1)
    for (const version of versions) expect(version).toEqual(versions[0])
    expect(await eventsAfter(own, 1)).toHaveLength(1)
    await own.tag("a", "later")
    expect(await own.save("a", { x: 1 }, options)).toEqual(versions[0])
    const mismatch = own.save("a", { x: 2 }, options)
    await expect(mismatch).rejects.toMatchObject({
      _tag: "IdempotencyMismatch",
      kind: "conflict",
      idempotencyKey: "k",
      position: 2,
    })
    expect(own.position).toBe(3)
  })

  law(
    "a stream saved again under its key is known by its bytes, however they come",
    async (own) => {
      const options = { idempotencyKey: "stream" }
      const first = await own.save("s", streamed("ab", "c"), options)
      expect(await own.save("s", streamed("a", "bc"), options)).toEqual(first)
      const other = own.save("s", streamed("a", "bd"), options)
      await expect(other).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
      expect(own.position).toBe(first.position)
      expect((await read(own.open("s"))).toString()).toBe("abc")
    },
  )

  law(
    "a keyed call that changes nothing is settled, and answered the same ever after",
    async (own) => {
      const { id } = await own.save("a", 1, { tags: "t" })
      const tagged = await own.tag(id, "t", { idempotencyKey: "tag" })
      const reused = await own.save("a", 1, { reuse: "content", idempotencyKey: "reuse" })
      expect(tagged).toEqual({ position: 3, changed: false })
      expect(reused).toMatchObject({ id, position: 2, tags: ["t"] })
      const settled = await eventsAfter(own, 2)
      expect(settled.map(({ type }) => type)).toEqual(["request-settled", "request-settled"])
      await own.untag(id, "t")
      await own.save("a", 2)
      const head = own.position
      expect(await own.tag(id, "t", { idempotencyKey: "tag" })).toEqual(tagged)
      expect(await own.save("a", 1, { reuse: "content", idempotencyKey: "reuse" })).toEqual(reused)
      expect(own.position).toBe(head)
      expect((await own.get(id)).tags).toEqual([])
    },
  )

  law(
    "a keyed call tried again is the same, whatever a part of an id means by now",
    async (own) => {
      const { id } = await own.save("a", 1)
      const part = id.slice(-8)
      const tag = () => own.tag(part, "t", { idempotencyKey: "part" })
      const derive = () => own.save("b", 2, { inputs: [part], idempotencyKey: "derive" })
      const [tagged, derived] = [await tag(), await derive()]
      await own.save(part, "an artifact of that name")
      expect([await tag(), await derive()]).toEqual([tagged, derived])
      expect((await own.get(part)).tags).toEqual([])
    },
  )

  law("an empty batch with a key keeps the key", async (own) => {
    const options = { idempotencyKey: "nothing" }
    expect(await own.batch(() => undefined, options)).toEqual([])
    expect(await own.batch(() => undefined, options)).toEqual([])
    const other = own.batch((b) => void b.save("a", 1), options)
    await expect(other).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
    expect(own.position).toBe(2)
  })

  law("a keyed batch tried again gets its first results, though its ids are fresh", async (own) => {
    const ids: Array<string> = []
    const again = () =>
      own.batch(
        (b) => {
          const a = b.save("a", 1)
          b.tag({ id: a.id }, "t")
          b.save("b", 2, { inputs: [{ id: a.id }] })
          ids.push(a.id)
        },
        { idempotencyKey: "batch" },
      )
    const first = await again()
    await own.tag("a", "later")
    await own.untag("a", "t")
    expect(await again()).toEqual(first)
    expect(new Set(ids).size).toBe(2)
    expect(await eventsAfter(own, 1)).toHaveLength(5)
    const saveAll = () => own.saveAll([{ name: "c", value: 3 }], { idempotencyKey: "all" })
    const saved = await saveAll()
    await own.tag("c", "later")
    expect(await saveAll()).toEqual(saved)
  })
}

const contentLaws = (law: Law): void => {
  law("what was saved comes back by every way out", async (own) => {
    const text = "all work and no play ".repeat(20_000)
    const version = await own.save("text", text)
    expect(await own.load(version)).toBe(text)
    expect((await read(own.open("text"))).toString()).toBe(text)
    const tail = { start: 419_990, end: 500_000 }
    const open = own.open("text", "data.txt", { range: tail })
    expect((await read(open)).toString()).toBe(" and no play ".slice(-10))
    const archive = await own.zip("text")
    const bytes = await read(archive.stream())
    expect(bytes).toHaveLength(archive.size)
    expect(Object.entries(unzipSync(bytes)).map(([name, file]) => [name, strFromU8(file)])).toEqual(
      [["data.txt", text]],
    )
    const part = await read(archive.stream({ start: 100, end: 200 }))
    expect(part.equals(bytes.subarray(100, 200))).toBe(true)
    expect((await own.zip("text")).etag).toBe(archive.etag)
  })

  law("a batch is stored as a whole or not at all", async (own) => {
    await own.save("taken", 1, { version: "x" })
    const head = own.position
    const refused = own.batch((b) => {
      b.save("new", 1)
      b.save("taken", 2, { version: "x" })
    })
    await expect(refused).rejects.toMatchObject({ _tag: "VersionExists" })
    expect(own.position).toBe(head)
    expect(await own.findArtifact("new")).toBeUndefined()
    const [saved] = await own.batch((b) => b.tag({ id: b.save("new", 1).id }, "t"))
    expect(saved).toMatchObject({ name: "new", tags: ["t"], position: head + 1 })
  })
}

const endLaws = (law: Law): void => {
  law("views made anew from the log answer as those before", async (own) => {
    const { id } = await own.save("a", 1, { tags: ["t"], metadata: { n: 1 } })
    await own.save("a", 2, { inputs: [id] })
    await own.delete("a@2")
    const before = [await own.get("a"), await own.artifact("a"), await own.listTags()]
    expect(await own.rebuild()).toEqual({ events: 4 })
    expect([await own.get("a"), await own.artifact("a"), await own.listTags()]).toEqual(before)
  })

  law("closing answers what waits and refuses what comes after", async (own) => {
    const waiting = range(20).map((n) => own.save("a", n))
    await Promise.all(waiting)
    const last = own.tag("a", "last")
    await Promise.all([own.close(), own.close()])
    await expect(last).resolves.toMatchObject({ changed: true })
    const closed = { _tag: "LedgerClosed", kind: "unavailable" }
    await expect(own.get("a")).rejects.toMatchObject(closed)
    await expect(own.save("a", 1)).rejects.toMatchObject(closed)
    await expect(collect(own.replay())).rejects.toMatchObject(closed)
    await expect(own.stats()).rejects.toMatchObject(closed)
    await own.close()
  })
}

/** The laws; `open` makes a new ledger each time. */
export const ledgerContract = (name: string, open: () => Promise<PromiseLedger>): void => {
  describe(`a ledger in ${name}`, () => {
    const law: Law = (title, check) =>
      it(title, async () => {
        const ledger = await open()
        onTestFinished(() => ledger.close())
        await check(ledger)
      })
    concurrencyLaws(law)
    keyLaws(law)
    contentLaws(law)
    endLaws(law)
  })
}

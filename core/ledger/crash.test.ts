/**
 * The world stops, over and over in one directory: a program that saves, tags, logs, deletes and
 * sweeps from six callers, that makes its views anew, closes and reopens, is killed in the middle,
 * and what it was told is stored must be there ever after, but for what an event says was swept. In
 * one round of three the next program opens what the kill left, before anybody has looked at it.
 * `CRASH_ROUNDS` says how many kills there are.
 *
 * Every acknowledgement reaches this process through a pipe, never through the disk it speaks of.
 */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import { type CoreRecorded, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { differing, expectDense, expectRoot, replayed, viewsIn } from "./oracle.contract.js"
import { bundle, leftIn, MemoryPlace, type Running, type Stage, start } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const rounds = Number(process.env.CRASH_ROUNDS ?? 100)
/** In so many rounds nobody looks: a program opens what a killed one left behind. */
const unseenShare = 1 / 3
/** How many versions that were read before are read again at every look. */
const oldCount = 100
const codec = makeCodec(catalog)

/** mulberry32 (public domain, Tommy Ettinger): small, and the same on every machine. */
const random = (() => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
})()

/** What the program was told is stored: an event about a version, with a value if it logged one. */
interface Acknowledged {
  readonly type: string
  readonly position: number
  readonly version: string
  readonly value?: string
}

/** What a program found when it had opened the ledger, after others or after it closed it. */
interface Begun {
  readonly begun: "first" | "again"
  readonly position: number
  readonly damaged: ReadonlyArray<unknown>
}

/**
 * Loads its code, waits for the word to begin, then writes from six callers until it is killed. Now
 * and then it makes the views anew meanwhile; after some turns it closes the ledger and reopens it.
 */
const write = async (stage: Stage, directory: string, round: number): Promise<void> => {
  stage.tell("loaded")
  await stage.told()
  for (let life = 0; ; life += 1) {
    const ledger = await stage.openLedger({ directory, create: round + life === 0 })
    const { position, trust } = ledger
    const damaged = [...trust.damaged, ...trust.damagedContent]
    stage.tell({ begun: life === 0 ? "first" : "again", position, damaged })
    const call = async (caller: number, turn: number): Promise<void> => {
      const value = `${round} ${caller} ${turn} `
      // Now and then more than one chunk of a blob.
      const text = value.repeat(turn % 16 === caller ? 20_000 : 3)
      const name = `artifact ${turn % 5}`
      const versions = await ledger.saveAll(
        turn % 3 === 0
          ? [{ name, value: text, tags: ["kept"] }]
          : [
              { name, value: text, metadata: { pair: value } },
              { name: "other", value: text, metadata: { pair: value } },
            ],
      )
      for (const { id, position } of versions)
        stage.tell({ type: "version-saved", version: id, position })
      const version = versions[0]?.id ?? ""
      const tagged = await ledger.tag(version, ["seen", `caller ${caller}`])
      stage.tell({ type: "tags-added", version, position: tagged.position })
      const logged = await ledger.logMetadata(version, { value })
      stage.tell({ type: "metadata-logged", version, value, position: logged.position })
      // Of some both that have a text, of others one; and of some it is saved again beside a sweep.
      for (const { id } of turn % 2 === 0 ? versions : versions.slice(1)) {
        const { position } = await ledger.delete(id)
        stage.tell({ type: "version-deleted", version: id, position })
      }
      if (caller % 3 === 1) await ledger.sweep({ undoDays: 0 })
      if (turn % 4 === 0) {
        const { id, position } = await ledger.save("again", text)
        stage.tell({ type: "version-saved", version: id, position })
      }
    }
    const turns = 1 + ((round + life) % 8)
    const calls = async (caller: number): Promise<void> => {
      for (let turn = life * 8; turn < life * 8 + turns; turn += 1) await call(caller, turn)
      if ((round + life) % 3 === 0 && caller === 0) await ledger.rebuild()
    }
    await Promise.all([0, 1, 2, 3, 4, 5].map(calls))
    await ledger.close()
  }
}

const eventsAfter = async (
  ledger: PromiseLedger,
  after: number,
): Promise<ReadonlyArray<CoreRecorded>> => {
  const events: Array<CoreRecorded> = []
  for await (const event of ledger.replay({ after })) events.push(event as CoreRecorded)
  return events
}

const tagOf = (error: unknown): unknown => (error as { readonly _tag?: string })._tag ?? error

const isSame = (one: Uint8Array, other: Uint8Array | undefined): boolean =>
  other !== undefined && Buffer.compare(one, other) === 0

/** A version that was seen, and what became of it since. */
interface Seen {
  readonly id: string
  /** Where it was saved. */
  readonly position: number
  readonly digest: string
  deleted: boolean
  swept: boolean
}

/** Everything that was ever seen of the ledger, to hold it to. */
class Witness {
  readonly #directory: string
  /** What was acknowledged since the witness looked last. */
  #acknowledged: Array<Acknowledged> = []
  /** The log as it was seen last, and the views that it makes, folded on from look to look. */
  #replayed: MemoryPlace | undefined
  /** Every version that was ever seen; those from `#unread` on were not read yet. */
  readonly #versions: Array<Seen> = []
  #unread = 0
  /** Whether nobody wrote since the witness looked. */
  #isSeen = true
  /** Where the ledger of the last program must at least have been. */
  #reached = 1

  constructor(directory: string) {
    this.#directory = directory
  }

  /** What a program found when it opened the ledger. */
  #expectBegun({ begun, position, damaged }: Begun): void {
    expect(damaged).toEqual([])
    // What others wrote before they were killed may be there without an acknowledgement; what a
    // program wrote before it closed the ledger was all acknowledged.
    if (this.#isSeen || begun === "again") expect(position).toBe(this.#reached)
    else expect(position).toBeGreaterThanOrEqual(this.#reached)
    this.#reached = position
  }

  /** What a program told, in its order; answers with how much of it is acknowledgements. */
  hear(lines: ReadonlyArray<Begun | Acknowledged>): number {
    const before = this.#acknowledged.length
    for (const line of lines) {
      if ("begun" in line) this.#expectBegun(line)
      else {
        this.#acknowledged.push(line)
        this.#reached = Math.max(this.#reached, line.position)
      }
      this.#isSeen = false
    }
    return this.#acknowledged.length - before
  }

  /** What was acknowledged is there, at its position, whole, and nothing is missing. */
  async look(): Promise<void> {
    const events = await this.#open()
    await this.#compare(events)
    this.#acknowledged = []
    this.#reached = this.#replayed?.records.length ?? 0
    this.#isSeen = true
  }

  /** Opens the ledger, holds the new events to what was acknowledged, and reads content. */
  async #open(): Promise<ReadonlyArray<CoreRecorded>> {
    const known = this.#replayed?.records.length ?? 0
    const ledger = await openLedger({ directory: this.#directory, create: false })
    try {
      expect(ledger.trust).toMatchObject({ damaged: [], damagedContent: [] })
      const events = await eventsAfter(ledger, known)
      expectDense(events, known, ledger.position)
      for (const { type, position, version, value } of this.#acknowledged) {
        const event = events[position - known - 1]
        expect(event).toMatchObject({ type, position })
        expect(event?.subjects.map(({ id }) => id)).toContain(version)
        if (event?.type === "version-saved") expect(event.data.version.id).toBe(version)
        if (event?.type === "metadata-logged") expect(event.data.values).toEqual({ value })
      }
      this.#note(events)
      await this.#readContent(ledger)
      if (random() < 2 / 3) return events
      return [...events, ...(await this.#sweep(ledger))]
    } finally {
      await ledger.close()
    }
  }

  #note(events: ReadonlyArray<CoreRecorded>): void {
    const pairs = new Map<unknown, number>()
    for (const { type, data, position } of events) {
      if (type === "version-deleted") this.#seen(data.target.version?.id).deleted = true
      if (type === "content-swept")
        for (const { version } of data.versions) {
          const seen = this.#seen(version.id)
          expect(seen).toMatchObject({ deleted: true, swept: false })
          seen.swept = true
        }
      if (type !== "version-saved") continue
      const [{ id }, { digest }] = [data.version, data.content]
      this.#versions.push({ id, position, digest, deleted: false, swept: false })
      const { pair } = data.metadata
      if (pair !== undefined) pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
    }
    // Saved together or not at all, whether that was acknowledged or not.
    expect([...pairs].filter(([, count]) => count !== 2)).toEqual([])
  }

  /** Every byte of what is new, and of some of the rest; the store checks each blob it reads. */
  async #readContent(ledger: PromiseLedger): Promise<void> {
    const old = Array.from({ length: Math.min(this.#unread, oldCount) }, () =>
      Math.floor(random() * this.#unread),
    )
    const versions = [
      ...old.flatMap((index) => this.#versions[index] ?? []),
      ...this.#versions.slice(this.#unread),
    ]
    for (const { id, position, deleted, swept } of versions) {
      const text = await (deleted ? ledger.asOf(position) : ledger).load(id).catch(tagOf)
      // What was given up may still be there, or be there again.
      const isText = typeof text === "string" && /^(\d+ \d+ \d+ )\1*$/.test(text)
      if (!(swept && text === "ContentGone"))
        expect({ id, text, isText }).toMatchObject({ isText: true })
    }
    this.#unread = this.#versions.length
  }

  /** What is left to be swept goes, and only that; answers with the events. */
  async #sweep(ledger: PromiseLedger): Promise<ReadonlyArray<CoreRecorded>> {
    const { position } = ledger
    await ledger.sweep({ undoDays: 0 })
    const events = await eventsAfter(ledger, position)
    this.#note(events)
    const surviving = this.#versions.filter(({ deleted }) => !deleted)
    const needed = new Set(surviving.map(({ digest }) => digest))
    for (const { id, position: at, digest, swept } of this.#versions.slice(-oldCount))
      if (swept && !needed.has(digest))
        expect(await ledger.asOf(at).load(id).catch(tagOf)).toBe("ContentGone")
    expect(await ledger.usage({ undoDays: 0 })).toMatchObject({ reclaimable: 0, undo: 0 })
    return events
  }

  #seen(id: string | undefined): Seen {
    const seen = this.#versions.findLast((version) => version.id === id)
    if (seen === undefined) throw new Error(`nobody saved ${id}`)
    return seen
  }

  /** The closed log is what it was, byte for byte, and the new events; the views say the same. */
  async #compare(events: ReadonlyArray<CoreRecorded>): Promise<void> {
    const { identity, records } = await leftIn(this.#directory)
    this.#replayed ??= new MemoryPlace({ identity, records: [], blobs: emptyBlobs() })
    const place = this.#replayed
    expect(place.records.findIndex((body, index) => !isSame(body, records[index]))).toBe(-1)
    const added = records.slice(place.records.length)
    expect(added.map((body) => codec.decode(body).id)).toEqual(events.map(({ id }) => id))
    place.records.push(...added)
    await place.use(() => Effect.void)
    expect(await differing(viewsIn(this.#directory), place.rows)).toEqual([])
  }

  /**
   * The rows that a replay from nothing makes of the whole log, its root over all records, all
   * content ever saved, and every byte that is stored.
   */
  async lookAtAll(): Promise<number> {
    const left = await leftIn(this.#directory)
    expect(await differing(viewsIn(this.#directory), (await replayed(left)).rows)).toEqual([])
    const ledger = await openLedger({ directory: this.#directory, create: false })
    try {
      expectRoot(ledger.trust, left.records)
      this.#unread = 0
      await this.#readContent(ledger)
      const { whole, findings, resume } = await ledger.verify({ depth: "blobs" })
      expect({ whole, findings, resume }).toEqual({ whole: true, findings: [], resume: undefined })
      return this.#versions.length
    } finally {
      await ledger.close()
    }
  }
}

const pause = (most: number): Promise<unknown> =>
  once(AbortSignal.timeout(5 + Math.floor(random() * most)), "abort")

/** Between 5 and 150 milliseconds of work; every other time so much that something is told. */
const someWork = async (program: Running): Promise<void> => {
  const [most, told] = random() < 0.5 ? [146, 0] : [16, 2 + Math.floor(random() * 24)]
  if (told > 0) await program.line(told)
  await pause(most)
}

describe(`a program killed ${rounds} times (CRASH_SEED=${seed})`, () => {
  let door = ""
  const home = mkdtempSync(join(tmpdir(), "daybook-crash-"))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  beforeAll(() => {
    door = bundle(home)
  })

  it("leaves everything that it was told is stored", { timeout: rounds * 5_000 }, async () => {
    const directory = join(home, "ledger")
    const witness = new Witness(directory)
    let next: Running | undefined = start(door, write, directory, 0)
    let [count, unseen] = [0, 0]
    for (let round = 1; round <= rounds && next !== undefined; round += 1) {
      const program: Running = next
      await program.line(0)
      program.say("begin")
      // The next program loads its code while this one works.
      next = round < rounds ? start(door, write, directory, round) : undefined
      // One in five is killed while it opens the ledger and puts right what the one before left.
      const isOpen = round === 1 || random() < 0.8
      if (isOpen) await program.line(1)
      await (isOpen ? someWork(program) : pause(146))
      await program.kill()
      count += witness.hear(program.lines.slice(1) as ReadonlyArray<Begun | Acknowledged>)
      const isSeen = round === 1 || round === rounds || random() >= unseenShare
      if (isSeen) await witness.look()
      else unseen += 1
    }
    // Drawn at random: of few rounds there may be few.
    expect(unseen).toBeGreaterThan(rounds < 50 ? 0 : rounds / 8)
    expect(count).toBeGreaterThan(rounds)
    expect(await witness.lookAtAll()).toBeGreaterThan(count / 3)
  })
})

/**
 * The world stops, two hundred times over one directory: a program that saves, tags and logs from
 * six callers is killed in the middle, and what it was told is stored must be there ever after.
 *
 * Every acknowledgement reaches this process through a pipe, never through the disk it speaks of.
 */
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import { type CoreRecorded, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import type { ViewStore } from "../view/view-store.js"
import { layoutOf } from "./layout.js"
import { rowsOf } from "./ledger.contract.js"
import { bundle, leftIn, MemoryPlace, type Running, type Stage, start } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const rounds = 200
const fullEvery = 10

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

/** Loads its code, waits for the word to begin, then writes from six callers until it is killed. */
const write = async (stage: Stage, directory: string, round: number): Promise<void> => {
  stage.tell("loaded")
  await stage.told()
  const ledger = await stage.openLedger({ directory, create: round === 0 })
  stage.tell({ position: ledger.position, damaged: ledger.trust.damaged })
  const call = async (caller: number): Promise<void> => {
    for (let turn = 0; ; turn += 1) {
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
    }
  }
  await Promise.all([0, 1, 2, 3, 4, 5].map(call))
}

/** Everything that was ever seen of the ledger, to hold it to. */
class Witness {
  /** Ids of events by position, from 1. */
  readonly #ids: Array<string> = [""]
  readonly #directory: string
  /** Versions whose content has not been read since they were saved. */
  #unread: Array<string> = []

  constructor(directory: string) {
    this.#directory = directory
  }

  get position(): number {
    return this.#ids.length - 1
  }

  /** After each round: what was acknowledged is there, at its position, and nothing is missing. */
  async look(acknowledged: ReadonlyArray<Acknowledged>, isFull: boolean): Promise<void> {
    const ledger = await openLedger({ directory: this.#directory, create: false })
    try {
      const seen = new Map<number, CoreRecorded>()
      for await (const event of ledger.replay({ after: this.position })) {
        seen.set(event.position, event as CoreRecorded)
        this.#ids.push(event.id)
        expect(event.position).toBe(this.position)
      }
      expect(this.position).toBe(ledger.position)
      expect(ledger.trust.damaged).toEqual([])
      for (const { type, position, version, value } of acknowledged) {
        const event = seen.get(position)
        expect(event).toMatchObject({ type, position })
        expect(event?.subjects.map(({ id }) => id)).toContain(version)
        if (event?.type === "version-saved") expect(event.data.version.id).toBe(version)
        if (event?.type === "metadata-logged") expect(event.data.values).toEqual({ value })
      }
      const pairs = new Map<unknown, number>()
      for (const { type, data } of seen.values()) {
        if (type !== "version-saved") continue
        this.#unread.push(data.version.id)
        const { pair } = data.metadata
        if (pair !== undefined) pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
      }
      // Saved together or not at all, whether that was acknowledged or not.
      expect([...pairs].filter(([, count]) => count !== 2)).toEqual([])
      if (isFull) await this.#readContent(ledger)
    } finally {
      await ledger.close()
    }
    if (isFull) await this.#replay()
  }

  /** Every byte of what was saved since; the store checks each blob as it is read. */
  async #readContent(ledger: PromiseLedger): Promise<void> {
    for (const id of this.#unread) {
      const text = await ledger.load(id)
      expect(typeof text === "string" && /^(\d+ \d+ \d+ )\1*$/.test(text)).toBe(true)
    }
    this.#unread = []
  }

  /** The whole log, and the rows that a replay from nothing makes of it. */
  async #replay(): Promise<void> {
    const left = await leftIn(this.#directory)
    const codec = makeCodec(catalog)
    const ids = left.records.map((body) => codec.decode(body).id)
    expect(ids).toEqual(this.#ids.slice(1))
    const anew = new MemoryPlace({ ...left, blobs: emptyBlobs() })
    await anew.use(() => Effect.void)
    const rows = <E>(store: Layer.Layer<ViewStore, E>) =>
      Effect.runPromise(Effect.provide(rowsOf, store))
    const kept = await rows(LevelViews.layer({ directory: layoutOf(this.#directory).view }))
    const made = await rows(MemoryViews.layerWith({ rows: anew.rows }))
    const keys = new Set([...kept.keys(), ...made.keys()])
    expect([...keys].filter((key) => !isDeepStrictEqual(kept.get(key), made.get(key)))).toEqual([])
  }

  /** All content ever saved. */
  async readAll(): Promise<number> {
    const ledger = await openLedger({ directory: this.#directory, create: false })
    try {
      for await (const { id } of ledger.versions()) this.#unread.push(id)
      const count = this.#unread.length
      await this.#readContent(ledger)
      return count
    } finally {
      await ledger.close()
    }
  }
}

/** Between 5 and 150 milliseconds of work. */
const pause = (): Promise<unknown> => {
  const signal = AbortSignal.timeout(5 + Math.floor(random() * 146))
  return once(signal, "abort")
}

describe(`a program killed ${rounds} times (CRASH_SEED=${seed})`, () => {
  let door = ""
  const home = mkdtempSync(join(tmpdir(), "daybook-crash-"))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  beforeAll(() => {
    door = bundle(home)
  })

  it("leaves everything that it was told is stored", { timeout: 300_000 }, async () => {
    const directory = join(home, "ledger")
    const witness = new Witness(directory)
    let next: Running | undefined = start(door, write, directory, 0)
    let count = 0
    for (let round = 1; round <= rounds && next !== undefined; round += 1) {
      const program: Running = next
      await program.line(0)
      program.say("begin")
      // The next program loads its code while this one works.
      next = round < rounds ? start(door, write, directory, round) : undefined
      // One in five is killed while it opens the ledger and puts right what the one before left.
      if (round === 1 || random() < 0.8) await program.line(1)
      await pause()
      await program.kill()
      const [, begun, ...acknowledged] = program.lines
      if (begun !== undefined)
        expect(begun).toEqual({ position: Math.max(1, witness.position), damaged: [] })
      count += acknowledged.length
      await witness.look(acknowledged as ReadonlyArray<Acknowledged>, round % fullEvery === 0)
    }
    expect(count).toBeGreaterThan(rounds)
    expect(await witness.readAll()).toBeGreaterThan(count / 3)
  })
})

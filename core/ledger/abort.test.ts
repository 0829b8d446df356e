/**
 * A save that is aborted while its source is read: it rejects with the reason of its signal, no
 * version comes of it, and the source is closed, also one that waits for something itself.
 */
import { Readable } from "node:stream"
import { describe, expect, it, onTestFinished } from "vitest"
import { noise } from "../blob/samples.contract.js"
import { opened, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

const pieceBytes = 200_000
const reason = new Error("no longer wanted")

/** What a source gives next; undefined where it has nothing for now. */
type Next = () => Uint8Array | undefined

/** A source of bytes, and whether it was told that nobody reads on. */
interface Source {
  readonly value: unknown
  readonly isClosed: () => boolean
}

/** Nothing ever comes of it. */
const nothing = (): Promise<never> => new Promise(() => undefined)

const sources: Readonly<Record<string, (next: Next) => Source>> = {
  "a Readable of Node": (next) => {
    const value = new Readable({
      read() {
        const piece = next()
        if (piece !== undefined) this.push(piece)
      },
    })
    return { value, isClosed: () => value.destroyed }
  },
  "a ReadableStream": (next) => {
    let cancelled = false
    const value = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          const piece = next()
          if (piece === undefined) return nothing()
          controller.enqueue(piece)
          return undefined
        },
        cancel: () => {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    return { value, isClosed: () => cancelled }
  },
  "an async generator": (next) => {
    let ended = false
    const generate = async function* () {
      try {
        for (;;) yield next() ?? (await nothing())
      } finally {
        ended = true
      }
    }
    return { value: generate(), isClosed: () => ended }
  },
  "an async iterable": (next) => {
    let returned = false
    const iterator = {
      next: async () => ({ done: false, value: next() ?? (await nothing()) }),
      return: () => {
        returned = true
        return Promise.resolve({ done: true, value: undefined })
      },
    }
    return { value: { [Symbol.asyncIterator]: () => iterator }, isClosed: () => returned }
  },
}

const ledgers: Readonly<Record<string, () => Promise<PromiseLedger>>> = {
  memory: () => opened(),
  "a directory": () => opened(temporary()),
}

const expectNothing = async (ledger: PromiseLedger): Promise<void> => {
  expect(ledger.position).toBe(1)
  expect(await ledger.findArtifact("a")).toBeUndefined()
  expect(await ledger.usage()).toMatchObject({ logical: 0, stored: 0 })
  // What was taken in by then is nobody's.
  await ledger.sweep({ undoDays: 0 })
  expect(await ledger.usage()).toMatchObject({ reclaimable: 0 })
  const version = await ledger.save("a", noise(pieceBytes, 1))
  expect(version).toMatchObject({ version: "1", size: pieceBytes })
  expect(await ledger.verify({ depth: "blobs" })).toMatchObject({ whole: true, versions: 1 })
}

describe.each(Object.entries(ledgers))("in %s, a save that is aborted", (_, open) => {
  it.each(Object.entries(sources))("while %s gives more and more", async (_, make) => {
    const ledger = await open()
    const controller = new AbortController()
    let given = 0
    const { value, isClosed } = make(() => {
      given += 1
      if (given === 5) controller.abort(reason)
      return noise(pieceBytes, given)
    })
    const saving = ledger.save("a", value, { signal: controller.signal })
    await expect(saving).rejects.toBe(reason)
    await expect.poll(isClosed).toBe(true)
    const last = given
    await expectNothing(ledger)
    // A stream may have read one piece ahead.
    expect(given).toBeLessThanOrEqual(last)
    expect(last).toBeLessThan(12)
  })

  it.each(Object.entries(sources))("while %s has nothing for now", async (name, make) => {
    const ledger = await open()
    const controller = new AbortController()
    let given = 0
    const { value, isClosed } = make(() => {
      given += 1
      if (given < 3) return noise(pieceBytes, given)
      setImmediate(() => controller.abort(reason))
      return undefined
    })
    const saving = ledger.save("a", value, { signal: controller.signal })
    await expect(saving).rejects.toBe(reason)
    // A generator hears of it when it goes on, and this one never does.
    if (name !== "an async generator") await expect.poll(isClosed).toBe(true)
    await expectNothing(ledger)
  })

  it("before its source was touched leaves it alone", async () => {
    const ledger = await open()
    for (const make of Object.values(sources)) {
      let given = 0
      const { value } = make(() => {
        given += 1
        return noise(10, 1)
      })
      if (value instanceof Readable) onTestFinished(() => void value.destroy())
      const saving = ledger.save("a", value, { signal: AbortSignal.abort(reason) })
      await expect(saving).rejects.toBe(reason)
      expect(given).toBe(0)
    }
    await expectNothing(ledger)
  })

  it("with a value of many files closes them all", async () => {
    const ledger = await open()
    const controller = new AbortController()
    let given = 0
    const made = Object.values(sources).map((make) =>
      make(() => {
        given += 1
        if (given === 20) controller.abort(reason)
        return noise(pieceBytes, given)
      }),
    )
    const requests = made.map(({ value }, at) => ({ name: `n${at}`, value }))
    const saving = ledger.saveAll(requests, { signal: controller.signal })
    await expect(saving).rejects.toBe(reason)
    for (const { isClosed } of made) await expect.poll(isClosed).toBe(true)
    expect(ledger.position).toBe(1)
  })
})

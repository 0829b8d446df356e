/**
 * Chunks of streams: all of them in order, and a stream that is let go at once when they end early.
 */
import { PassThrough, Readable } from "node:stream"
import { describe, expect, it } from "vitest"
import { chunksOf } from "./chunks.js"

const same = (chunk: unknown): unknown => chunk

const gather = async (
  stream: AsyncIterable<unknown>,
  see: (chunk: unknown, index: number) => unknown = same,
): Promise<Array<unknown>> => {
  const found: Array<unknown> = []
  for await (const chunk of chunksOf(stream, see)) found.push(chunk)
  return found
}

const web = (source: UnderlyingDefaultSource<number>) =>
  new ReadableStream<number>(source, { highWaterMark: 0 })

const counting = () => {
  let count = 0
  return web({
    pull: (controller) => {
      count += 1
      if (count > 3) controller.close()
      else controller.enqueue(count)
    },
  })
}

async function* generated() {
  yield* [1, 2, 3]
}

const streams = {
  "a Readable": () => Readable.from([1, 2, 3]),
  "a ReadableStream": counting,
  "a generator": generated,
}

describe.each(Object.entries(streams))("the chunks of %s", (_, make) => {
  it("come in order, each seen with its number", async () => {
    const seen: Array<unknown> = []
    const see = (chunk: unknown, index: number) => {
      seen.push([chunk, index])
      return Number(chunk) * 2
    }
    const stream = make()
    expect(await gather(stream, see)).toEqual([2, 4, 6])
    expect(seen).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ])
    expect(stream).not.toHaveProperty("locked", true)
  })

  it("end where one is refused", async () => {
    const refusal = new Error("no twos")
    const see = (chunk: unknown) => {
      if (chunk === 2) throw refusal
      return chunk
    }
    const stream = make()
    await expect(gather(stream, see)).rejects.toBe(refusal)
    if (stream instanceof Readable) expect(stream.destroyed).toBe(true)
  })

  it("are not asked for before somebody wants them", () => {
    const stream = make()
    chunksOf(stream, same)[Symbol.asyncIterator]()
    expect(stream).not.toHaveProperty("locked", true)
    if (stream instanceof Readable) stream.destroy()
  })
})

describe("a stream that fails", () => {
  it("does so as it would by itself", async () => {
    const broken = new Error("unplugged")
    const failing = web({
      pull: (controller) => controller.error(broken),
    })
    await expect(gather(failing)).rejects.toBe(broken)
    expect(failing.locked).toBe(false)
    const destroyed = new PassThrough()
    destroyed.destroy(broken)
    await expect(gather(destroyed)).rejects.toBe(broken)
  })
})

describe("a stream that is let go while it waits", () => {
  /** Ends it when its next chunk was asked for. */
  const letGo = async (stream: AsyncIterable<unknown>): Promise<void> => {
    const iterator = chunksOf(stream, same)[Symbol.asyncIterator]()
    const next = iterator.next()
    next.catch(() => undefined)
    await new Promise(setImmediate)
    await iterator.return?.()
  }

  it("is closed at once", async () => {
    const node = new PassThrough()
    await letGo(node)
    expect(node.destroyed).toBe(true)

    const reasons: Array<unknown> = []
    const cancel = () => void reasons.push("cancelled")
    await letGo(web({ pull: () => new Promise(() => undefined), cancel }))
    expect(reasons).toEqual(["cancelled"])

    let returned = false
    const iterator = {
      next: () => new Promise<never>(() => undefined),
      return: () => {
        returned = true
        return Promise.resolve({ done: true as const, value: undefined })
      },
    }
    await letGo({ [Symbol.asyncIterator]: () => iterator })
    expect(returned).toBe(true)
  })

  it("may fail to close, which is no answer", async () => {
    const cancel = () => Promise.reject(new Error("cannot"))
    const stuck = web({ pull: () => new Promise(() => undefined), cancel })
    await expect(letGo(stuck)).resolves.toBeUndefined()
    const endless = { next: () => new Promise<never>(() => undefined) }
    await expect(letGo({ [Symbol.asyncIterator]: () => endless })).resolves.toBeUndefined()
  })
})

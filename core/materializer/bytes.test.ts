/**
 * Bytes in every form that Node has for them, streamed without being held, refused when spent.
 */
import { once } from "node:events"
import { Readable } from "node:stream"
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { type Bytes, bytesMaterializer } from "./bytes.js"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"
import type { FileInput, FileSource } from "./materializer.js"

async function* chunks(...list: ReadonlyArray<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of list) yield await Promise.resolve(chunk)
}

const sample = Uint8Array.of(1, 2, 3, 255)
const parts = () => [sample.slice(0, 1), new Uint8Array(0), sample.slice(1)]

const webStream = () =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts()) if (part.length > 0) controller.enqueue(part)
      controller.close()
    },
  })

const refusedAsRead = (stream: Bytes) =>
  expect(savedFiles(bytesMaterializer, stream)).rejects.toMatchObject({
    path: "value",
    message: expect.stringMatching(/is being or has been read/),
  })

materializerContract<Bytes, Uint8Array>(
  bytesMaterializer,
  () => [
    sample,
    Buffer.from(sample),
    new Uint8Array([0, ...sample, 0]).subarray(1, 5),
    sample.buffer.slice(0),
    new Blob(parts()),
    new File(parts(), "sample.bin"),
    Readable.from(parts(), { objectMode: false }),
    webStream(),
    chunks(...parts()),
    { [Symbol.asyncIterator]: () => chunks(...parts()) },
  ],
  () => sample,
)

describe("bytes", () => {
  it("come back as a Uint8Array, empty ones too", async () => {
    for (const empty of [new Uint8Array(0), new ArrayBuffer(0), new Blob([]), chunks()]) {
      const back = await roundTrip(bytesMaterializer, empty)
      expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype)
      expect(back.length).toBe(0)
    }
  })

  it("leaves typed arrays of other kinds, and what is no bytes, to others", () => {
    const others = [Float32Array.of(1), new Uint8ClampedArray(1), new DataView(new ArrayBuffer(1))]
    for (const other of [...others, [1, 2], "bytes", {}, null, Readable])
      expect(bytesMaterializer.accepts(other)).toBe(false)
  })

  it("survives a value that throws when it is looked at", () => {
    const throwing = () => {
      throw new Error("looked at")
    }
    const hostile = [
      Object.defineProperty({}, Symbol.asyncIterator, { get: throwing }),
      new Proxy({}, { get: throwing, getPrototypeOf: throwing, has: throwing }),
      Object.create(new Proxy({}, { get: throwing, getPrototypeOf: throwing })),
    ]
    for (const value of hostile) expect(bytesMaterializer.accepts(value)).toBe(false)
  })

  it("pulls a stream piece by piece, only when it is written", async () => {
    let pulled = 0
    async function* counting(): AsyncGenerator<Uint8Array> {
      for (pulled = 1; pulled <= 1_000; pulled += 1) yield await Promise.resolve(sample)
    }
    const sources: Array<FileSource> = []
    await bytesMaterializer.save(counting(), { write: (_, source) => void sources.push(source) })
    expect(pulled).toBe(0)
    const iterator = (sources[0] as AsyncGenerator<Uint8Array>)[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ value: sample, done: false })
    expect(pulled).toBe(1)
    await iterator.return(undefined)
  })

  it("refuses a chunk that is not bytes, names it, and closes the stream", async () => {
    const stream = Readable.from([sample, "text"])
    const refused = savedFiles(bytesMaterializer, stream)
    await expect(refused).rejects.toThrow(InvalidInput)
    await expect(refused).rejects.toMatchObject({ path: "value<chunk 1>" })
    await expect(refused).rejects.toThrow(/read the stream without an encoding/)
    expect(stream.destroyed).toBe(true)
    const numbers = new ReadableStream({ start: (controller) => controller.enqueue([1, 2]) })
    await expect(savedFiles(bytesMaterializer, numbers)).rejects.toThrow(/stream bytes only/)
  })

  it("refuses a stream that has been read, which would be stored as nothing", async () => {
    const read = Readable.from([sample])
    for await (const _ of read);
    const locked = new ReadableStream<Uint8Array>()
    locked.getReader()
    const finished = webStream()
    await new Response(finished.pipeThrough(new TransformStream())).arrayBuffer()
    const drained = webStream()
    const reader = drained.getReader()
    while (!(await reader.read()).done);
    reader.releaseLock()
    const cancelled = webStream()
    await cancelled.cancel()
    for (const spent of [read, locked, finished, drained, cancelled]) await refusedAsRead(spent)
  })

  it("refuses a stream whose beginning is gone, or that somebody else reads", async () => {
    const begun = Readable.from(parts(), { objectMode: false })
    await once(begun, "readable")
    begun.read(1)
    const begunWeb = webStream()
    const reader = begunWeb.getReader()
    await reader.read()
    reader.releaseLock()
    const flowing = Readable.from(parts(), { objectMode: false }).on("data", () => undefined)
    const destroyed = Readable.from(parts(), { objectMode: false }).destroy()
    for (const spent of [begun, begunWeb, flowing, destroyed]) await refusedAsRead(spent)
  })

  it("takes a stream that has bytes ready of which nothing was read", async () => {
    const ready = Readable.from(parts(), { objectMode: false })
    await once(ready, "readable")
    expect(await roundTrip(bytesMaterializer, ready)).toEqual(sample)
  })

  it("come back in memory of their own, whatever their file lies in", async () => {
    const pooled = Buffer.from(sample)
    expect(pooled.buffer.byteLength).toBeGreaterThan(sample.length)
    const files: FileInput = { ...filesOf({}), bytes: () => Promise.resolve(pooled) }
    const back = await bytesMaterializer.load(files)
    expect(back).toEqual(sample)
    expect(back.buffer.byteLength).toBe(sample.length)
    const whole = Buffer.from(Uint8Array.from(sample).buffer)
    const same = await bytesMaterializer.load({ ...files, bytes: () => Promise.resolve(whole) })
    expect(same.buffer).toBe(whole.buffer)
  })

  it("lets the error of a stream through", async () => {
    const failing = new Readable({ read: () => failing.destroy(new Error("the disk is gone")) })
    await expect(savedFiles(bytesMaterializer, failing)).rejects.toThrow("the disk is gone")
  })

  it("reads the size of an image off bytes, and nothing off a stream", () => {
    const gif = Buffer.from("GIF89a\x02\x00\x03\x00", "latin1")
    const size = { format: "gif", width: 2, height: 3 }
    expect(bytesMaterializer.metadata?.(gif)).toEqual(size)
    expect(bytesMaterializer.metadata?.(Uint8Array.from(gif).buffer)).toEqual(size)
    expect(bytesMaterializer.metadata?.(sample)).toEqual({})
    expect(bytesMaterializer.metadata?.(chunks(gif))).toEqual({})
  })
})

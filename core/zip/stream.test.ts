import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { unzipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { BlobCorrupted, type BlobFailure } from "../errors.js"
import { relativePath } from "../model/path.js"
import { Contents, extract, layOut, write } from "./archive.contract.js"
import type { ZipFile } from "./entry.js"
import type { ZipPart } from "./layout.js"
import { type ContentOpener, zipStream } from "./stream.js"

type Pieces = Stream.Stream<Uint8Array, BlobFailure | BlobCorrupted>
type Opener = ContentOpener<BlobFailure | BlobCorrupted>

const noise = Uint8Array.from({ length: 300_000 }, (_, index) => (index * index * 31) >>> 7)
const text = (name: string): string => `this is ${name}\n`.repeat(50)

const layoutOf = (entries: ReadonlyArray<ZipFile>) => layOut([{ modified: 0, entries }])

/** An opener over contents that counts, and hands each content out in pieces of `pieceBytes`. */
const counting = (contents: Contents, pieceBytes: number, change = (it: Pieces) => it) => {
  const seen = { opened: 0, closed: 0, openMax: 0, ranges: 0 }
  const close = Effect.sync(() => {
    seen.closed += 1
  })
  const read = ({ digest, sent, range }: Omit<ZipPart, "into">) =>
    Stream.suspend(() => {
      seen.opened += 1
      seen.openMax = Math.max(seen.openMax, seen.opened - seen.closed)
      if (range !== undefined) seen.ranges += 1
      const all = (sent === "content" ? contents.raw : contents.deflated).get(digest)
      const bytes = all?.subarray(range?.start, range?.end) ?? new Uint8Array(0)
      const count = Math.ceil(bytes.length / pieceBytes)
      const pieces = Array.from({ length: count }, (_, index) =>
        bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
      )
      return change(Stream.fromArrays(...pieces.map((piece) => [piece])))
    }).pipe(Stream.ensuring(close))
  const fill = ({ into, ...part }: ZipPart) =>
    Stream.runFold(
      read(part),
      () => 0,
      (filled, piece) => {
        into.set(piece, filled)
        return filled + piece.length
      },
    )
  const opener: Opener = {
    read,
    readInto: (parts) => Effect.forEach(parts, fill, { discard: true }),
  }
  return { opener, seen }
}

const collect = <E>(stream: Stream.Stream<Uint8Array, E>): Promise<Array<Uint8Array>> =>
  Effect.runPromise(Stream.runCollect(stream))

/** What had left before the end, and how it ended. */
const observe = async <E>(stream: Stream.Stream<Uint8Array, E>) => {
  const left: Array<Uint8Array> = []
  const exit = await Effect.runPromiseExit(
    Stream.runForEach(stream, (piece) => Effect.sync(() => void left.push(piece))),
  )
  return { bytes: Buffer.concat(left), exit }
}

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined

const mixed = () => {
  const contents = new Contents()
  const entries = [
    contents.stored("big", noise),
    contents.file("big-deflated", noise),
    ...Array.from({ length: 40 }, (_, index) => contents.file(`small/${index}`, text(`${index}`))),
    contents.stored("empty", ""),
    contents.stored("ünï", "stored"),
  ]
  const layout = layoutOf(entries)
  return { contents, layout, bytes: write(layout, (content) => contents.read(content)) }
}

describe("the stream of an archive", () => {
  it("is the whole archive, for every division of its contents into pieces", async () => {
    const { contents, layout, bytes } = mixed()
    for (const pieceBytes of [1_000, 65_536, 1_000_000]) {
      const { opener, seen } = counting(contents, pieceBytes)
      const sent = Buffer.concat(await collect(zipStream(layout, opener)))
      expect(sent.equals(bytes)).toBe(true)
      expect(seen).toMatchObject({ opened: 43, closed: 43, ranges: 0 })
    }
    expect(extract(bytes).length).toBe(44)
    const files = unzipSync(bytes)
    expect(Buffer.from(noise).equals(files["big-deflated"] ?? noise.subarray(1))).toBe(true)
    expect(Buffer.from(files["small/7"] ?? []).toString()).toBe(text("7"))
  })

  it("is the same when it is run again", async () => {
    const { contents, layout, bytes } = mixed()
    const stream = zipStream(layout, counting(contents, 10_000).opener)
    expect(Buffer.concat(await collect(stream)).equals(bytes)).toBe(true)
    expect(Buffer.concat(await collect(stream)).equals(bytes)).toBe(true)
  })

  it("gives any range as a slice of the whole", async () => {
    const { contents, layout, bytes } = mixed()
    const { opener } = counting(contents, 9_000)
    const offset = fc.integer({ min: -100, max: bytes.length + 100 })
    await fc.assert(
      fc.asyncProperty(offset, offset, async (start, end) => {
        const sent = Buffer.concat(await collect(zipStream(layout, opener, { start, end })))
        const from = Math.max(start, 0)
        expect(sent.equals(bytes.subarray(from, Math.max(end, from)))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it("opens nothing for an empty range, or for one between contents", async () => {
    const { contents, layout } = mixed()
    const { opener, seen } = counting(contents, 9_000)
    for (const [start, end] of [
      [5, 5],
      [9, 3],
      [layout.size, layout.size + 9],
      [0, 30],
    ] as const)
      await collect(zipStream(layout, opener, { start, end }))
    expect(seen.opened).toBe(0)
  })

  it("joins thousands of tiny files into few pieces", async () => {
    const contents = new Contents()
    const one = contents.file("x", "tiny")
    const entries = Array.from({ length: 3_000 }, (_, index) => ({
      ...one,
      path: relativePath(`f${index}`),
    }))
    const layout = layoutOf(entries)
    const { opener } = counting(contents, 9_000)
    const pieces = await collect(zipStream(layout, opener))
    // The first one is small, so that it leaves soon; a thousand contents are in one at most.
    expect(pieces.length).toBeLessThanOrEqual(1 + 3 + Math.ceil(layout.size / 524_000))
    expect(pieces[0]?.length).toBeLessThanOrEqual(65_536)
    expect(pieces.every((piece) => piece.length <= 524_288)).toBe(true)
  })

  it("passes the pieces of a large content on without a copy", async () => {
    const { contents, layout } = mixed()
    const pieces = await collect(zipStream(layout, counting(contents, 50_000).opener))
    const same = pieces.filter(({ buffer }) => {
      return [...contents.raw.values()].some((content) => content.buffer === buffer)
    })
    expect(same.map(({ length }) => length)).toEqual(new Array(6).fill(50_000))
  })

  it("reads nothing of a large content before it is asked for", async () => {
    const { contents } = mixed()
    const layout = layoutOf([contents.stored("big", noise)])
    const { opener, seen } = counting(contents, 50_000)
    const [first] = await collect(zipStream(layout, opener).pipe(Stream.take(1)))
    // The first piece is the header of the file.
    expect(first?.length).toBe(30 + 3 + 9)
    expect(seen.opened).toBe(0)
    await collect(zipStream(layout, opener).pipe(Stream.take(2)))
    expect(seen).toMatchObject({ opened: 1, closed: 1 })
  })

  it("reads small contents ahead, but not many", async () => {
    const contents = new Contents()
    const entries = Array.from({ length: 200 }, (_, at) =>
      contents.stored(`f${at}`, noise.subarray(at, at + 50_000)),
    )
    const { opener, seen } = counting(contents, 50_000)
    await collect(zipStream(layoutOf(entries), opener).pipe(Stream.take(1)))
    expect(seen.opened).toBeLessThan(50)
    expect(seen.closed).toBe(seen.opened)
  })

  it("reads small contents together, as many as are joined", async () => {
    const { contents, layout, bytes } = mixed()
    const { opener } = counting(contents, 200_000)
    const asked: Array<number> = []
    const readInto: Opener["readInto"] = (parts) => {
      asked.push(parts.length)
      return opener.readInto(parts)
    }
    // The large ones come first, so the range begins behind them.
    const range = { start: bytes.indexOf("small/"), end: layout.size }
    const sent = await collect(zipStream(layout, { ...opener, readInto }, range))
    expect(Buffer.concat(sent).equals(bytes.subarray(range.start))).toBe(true)
    expect(asked).toEqual([41])
  })
})

describe("a stream that breaks off", () => {
  const corrupted = new BlobCorrupted({ message: "it is damaged", digest: "of something" })

  // One entry of each size, and what precedes it, so that something has left before it fails.
  const large = ["zz large", noise.subarray(1)] as const
  const cases = [
    ["small", "zz small", text("last")],
    ["large", ...large],
  ] as const

  const broken = (name: string, bytes: Uint8Array | string, change: (it: Pieces) => Pieces) => {
    const contents = new Contents()
    const layout = layoutOf([
      contents.stored("before", noise),
      contents.stored(name, bytes),
      contents.stored("zzz", "after"),
    ])
    const target = contents.stored(name, bytes).digest
    const { opener, seen } = counting(contents, 500)
    const read: Opener["read"] = (one) =>
      one.digest === target ? change(opener.read(one)) : opener.read(one)
    const readInto: Opener["readInto"] = (parts) => {
      const broken = parts.find(({ digest }) => digest === target)
      if (broken === undefined) return opener.readInto(parts)
      const { into, ...one } = broken
      return Stream.runDrain(change(opener.read({ ...one, length: into.length })))
    }
    return { layout, stream: zipStream(layout, { ...opener, read, readInto }), seen }
  }

  it.each(cases)("fails as the opener did, in a %s content", async (_, name, content) => {
    const { layout, stream, seen } = broken(name, content, (pieces) =>
      Stream.concat(Stream.take(pieces, 1), Stream.fail(corrupted)),
    )
    const { bytes, exit } = await observe(stream)
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(corrupted)
    expect(bytes.length).toBeGreaterThan(noise.length)
    expect(bytes.length).toBeLessThan(layout.size)
    expect(bytes.includes("PK\u0005\u0006")).toBe(false)
    expect(seen.closed).toBe(seen.opened)
  })

  it("dies when a large content is short, even by a byte", async () => {
    const { layout, stream } = broken(...large, (pieces) =>
      Stream.map(pieces, (piece) => (piece.length === 500 ? piece : piece.subarray(1))),
    )
    const { bytes, exit } = await observe(stream)
    expect(defectOf(exit)).toMatchObject({ message: expect.stringContaining("gave fewer") })
    expect(bytes.length).toBeLessThan(layout.size)
    expect(bytes.includes("PK\u0005\u0006")).toBe(false)
  })

  it("dies when a large content is long, even by a byte", async () => {
    const { layout, stream } = broken(...large, (pieces) =>
      Stream.concat(pieces, Stream.make(Uint8Array.of(7))),
    )
    const { bytes, exit } = await observe(stream)
    expect(defectOf(exit)).toMatchObject({ message: expect.stringContaining("gave more") })
    expect(bytes.length).toBeLessThan(layout.size)
    expect(bytes.includes("PK\u0005\u0006")).toBe(false)
  })

  it("dies when a large content is empty", async () => {
    const { stream } = broken(...large, () => Stream.empty)
    const { exit } = await observe(stream)
    expect(defectOf(exit)).toMatchObject({ message: expect.stringContaining("gave fewer") })
  })

  it.each(cases)(
    "closes what is open when it is interrupted in a %s content",
    async (_, name, content) => {
      const reached = Deferred.makeUnsafe<void>()
      const wait = Stream.fromEffectDrain(
        Effect.andThen(Deferred.succeed(reached, undefined), Effect.never),
      )
      const { stream, seen } = broken(name, content, (pieces) => Stream.concat(pieces, wait))
      const exit = await Effect.runPromise(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Stream.runDrain(stream))
          yield* Deferred.await(reached)
          yield* Fiber.interrupt(fiber)
          return yield* Fiber.await(fiber)
        }),
      )
      expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
      expect(seen.opened).toBeGreaterThanOrEqual(2)
      expect(seen.closed).toBe(seen.opened)
    },
  )

  it("closes what is open when its reader stops", async () => {
    const { contents, layout } = mixed()
    const { opener, seen } = counting(contents, 1_000)
    for await (const piece of Stream.toAsyncIterable(zipStream(layout, opener)))
      if (piece.length === 1_000) break
    expect(seen.opened).toBeGreaterThan(0)
    expect(seen.closed).toBe(seen.opened)
  })
})

describe("an opener", () => {
  it("may fail in ways of its own, and the stream says so in its type", async () => {
    const { layout } = mixed()
    const opener: ContentOpener<"drifted"> = {
      read: () => Stream.fail("drifted" as const),
      readInto: () => Effect.fail("drifted"),
    }
    const stream: Stream.Stream<Uint8Array, "drifted"> = zipStream(layout, opener)
    const { exit } = await observe(stream)
    expect(exit).toEqual(Exit.fail("drifted"))
  })
})

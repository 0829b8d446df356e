/**
 * Sources of archives: whatever they are, the same bytes; a long stream in a file that is gone
 * afterwards, and cut off where it is too long.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Readable } from "node:stream"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { findRoots } from "../directory/roots.js"
import { FileFailure, InvalidInput, LimitExceeded } from "../errors.js"
import { zipHeldBytesMax } from "../limits.js"
import type { ArchiveBytes } from "../zip/archive-bytes.js"
import { openSource, parseSource, type SourceBounds } from "./archive-source.js"
import { temporary } from "./places.contract.js"

const longest = zipHeldBytesMax + 70_001
const sample = Buffer.from(Uint8Array.from({ length: longest }, (_, at) => (at * 7) >>> 3))

const content = (length: number): Buffer => Buffer.from(sample.subarray(0, length))

type Opened = ArchiveBytes<unknown>

const use = <A>(
  given: unknown,
  run: (bytes: Opened) => Effect.Effect<A, unknown>,
  { sizeMax = 2 ** 31, tmp = temporary(), roots }: Partial<SourceBounds> = {},
): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(
        Effect.suspend(() => openSource(parseSource(given), { roots, tmp, sizeMax })),
        run,
      ),
    ),
  )

const fail = (given: unknown, options = {}): Promise<unknown> =>
  use(given, () => Effect.void, options).then(
    () => undefined,
    (error: unknown) => error,
  )

const readAll = (bytes: Opened) => bytes.read(0, bytes.size)

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  const shared = new Uint8Array(length)
  for (let at = 0; at < bytes.length; at += length) {
    const piece = bytes.subarray(at, at + length)
    shared.set(piece)
    // The same buffer again and again, as some producers have it.
    yield await Promise.resolve(shared.subarray(0, piece.length))
  }
}

const sources = (bytes: Buffer): Readonly<Record<string, () => unknown>> => ({
  bytes: () => bytes,
  "an ArrayBuffer": () => Uint8Array.from(bytes).buffer,
  "the path of a file": () => {
    const path = join(temporary(), "a.zip")
    writeFileSync(path, bytes)
    return path
  },
  "a link to a file": () => {
    const directory = temporary()
    writeFileSync(join(directory, "a.zip"), bytes)
    symlinkSync("a.zip", join(directory, "link.zip"))
    return join(directory, "link.zip")
  },
  "a Readable": () =>
    Readable.from(bytes.length === 0 ? [] : [bytes.subarray(0, 99), bytes.subarray(99)]),
  "a web stream": () => new Blob([Uint8Array.from(bytes)]).stream(),
  "a Blob": () => new Blob([Uint8Array.from(bytes)]),
  "a File": () => new File([Uint8Array.from(bytes)], "a.zip"),
  "an async iterable": () => pieces(bytes, 70_000),
})

describe.each(Object.keys(sources(Buffer.alloc(0))))("%s", (name) => {
  it.each([0, 1, zipHeldBytesMax, zipHeldBytesMax + 1, longest])(
    "of %d bytes can be read anywhere",
    async (length) => {
      const bytes = content(length)
      const given = sources(bytes)[name]?.()
      await use(given, (opened) =>
        Effect.gen(function* () {
          expect(opened.size).toBe(length)
          expect((yield* readAll(opened)).equals(bytes)).toBe(true)
          const middle = yield* opened.read(length >>> 1, length - (length >>> 1))
          expect(middle.equals(bytes.subarray(length >>> 1))).toBe(true)
        }),
      )
    },
  )
})

describe("bytes", () => {
  it("are what they were at the call, and what was read of many stays as it is", async () => {
    const given = content(1_000)
    const parsed = parseSource(given)
    given.fill(0)
    expect(parsed.kind === "bytes" && content(1_000).equals(parsed.bytes)).toBe(true)
    const large = content(zipHeldBytesMax + 1)
    await use(large, (opened) =>
      Effect.gen(function* () {
        const read = yield* opened.read(0, 1_000)
        large.fill(0)
        expect(read.equals(content(1_000))).toBe(true)
      }),
    )
  })
})

describe("a stream", () => {
  it("that is short makes no file; a long one does, until the scope ends", async () => {
    const tmp = temporary()
    const look = () => Effect.sync(() => readdirSync(tmp))
    const short = pieces(content(zipHeldBytesMax), 70_000)
    expect(await use(short, look, { tmp })).toEqual([])
    const long = pieces(content(zipHeldBytesMax + 1), 70_000)
    const [name] = await use(
      long,
      () =>
        Effect.sync(() =>
          readdirSync(tmp).map((file) => {
            expect(statSync(join(tmp, file)).mode & 0o777).toBe(0o600)
            return file
          }),
        ),
      { tmp },
    )
    expect(name).toMatch(/^daybook-/)
    expect(readdirSync(tmp)).toEqual([])
  })

  it("that goes on for ever is cut off, and leaves nothing", async () => {
    const tmp = temporary()
    let pulled = 0
    const endless = (async function* () {
      const piece = new Uint8Array(2 ** 20)
      for (;;) {
        pulled += piece.length
        yield await Promise.resolve(piece)
      }
    })()
    const error = await fail(endless, { sizeMax: 2 ** 23, tmp })
    expect(error).toBeInstanceOf(LimitExceeded)
    expect(error).toMatchObject({ limit: "zipBytesMax", allowed: 2 ** 23 })
    expect(pulled).toBeLessThan(2 ** 24)
    expect(readdirSync(tmp)).toEqual([])
  })

  it("that fails fails the call, and leaves nothing", async () => {
    const tmp = temporary()
    const failing = (async function* () {
      yield await Promise.resolve(content(zipHeldBytesMax + 1))
      throw new RangeError("not today")
    })()
    const error = await fail(failing, { tmp })
    expect(error).toBeInstanceOf(FileFailure)
    expect(error).toMatchObject({ cause: new RangeError("not today"), outcome: "none" })
    expect(readdirSync(tmp)).toEqual([])
  })

  it("that finds no room for its file says where it was to be", async () => {
    const tmp = join(temporary(), "nowhere")
    const error = await fail(pieces(content(zipHeldBytesMax + 1), 70_000), { tmp })
    expect(error).toBeInstanceOf(FileFailure)
    expect(error).toMatchObject({ reason: "missing", message: expect.stringContaining(tmp) })
  })
})

describe("a file", () => {
  it("that is missing, or none, is refused", async () => {
    const directory = temporary()
    for (const path of [join(directory, "none.zip"), join(directory, "no/a.zip"), directory, "/"])
      expect(await fail(path)).toMatchObject({ _tag: "InvalidInput", path: "source" })
  })

  it.runIf(process.platform !== "win32")(
    "that is a pipe is refused, and not waited for",
    async () => {
      const pipe = join(temporary(), "pipe")
      execFileSync("mkfifo", [pipe])
      expect(await fail(pipe)).toMatchObject({ _tag: "InvalidInput", path: "source" })
    },
  )

  it("that becomes shorter is noticed", async () => {
    const path = join(temporary(), "a.zip")
    writeFileSync(path, content(1_000))
    const error = await use(path, (opened) => {
      truncateSync(path, 10)
      return Effect.flip(readAll(opened))
    })
    expect(error).toMatchObject({ _tag: "ContentDrifted" })
  })

  it("is confined by roots, wherever links lead", async () => {
    const [inner, outer] = [temporary(), temporary()]
    for (const directory of [inner, outer]) writeFileSync(join(directory, "a.zip"), content(10))
    symlinkSync(join(outer, "a.zip"), join(inner, "out.zip"))
    symlinkSync(join(inner, "a.zip"), join(outer, "in.zip"))
    const roots = await findRoots({ inner })
    for (const path of [join(inner, "a.zip"), join(outer, "in.zip")])
      expect(await use(path, ({ size }) => Effect.succeed(size), { roots })).toBe(10)
    for (const path of [
      join(outer, "a.zip"),
      join(inner, "out.zip"),
      `${inner}/../x`,
      "/etc/hosts",
    ])
      expect(await fail(path, { roots })).toMatchObject({ _tag: "InvalidInput", path: "source" })
  })
})

describe("a source", () => {
  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a number", 5],
    ["an empty text", ""],
    ["a text with a null", "a\0"],
    ["an object", {}],
    ["a list", [1, 2]],
    ["a plain iterable", new Set([1])],
  ])("is not %s", (_, given) => {
    expect(() => parseSource(given)).toThrow(InvalidInput)
  })

  it("is not a stream that was read before, nor one of anything but bytes", async () => {
    const spent = Readable.from([content(10)])
    for await (const _ of spent) expect(_).toHaveLength(10)
    expect(() => parseSource(spent)).toThrow("open a new one")
    expect(await fail(Readable.from(["text"]))).toMatchObject({
      _tag: "InvalidInput",
      path: "source<chunk 0>",
    })
  })
})

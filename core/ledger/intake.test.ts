/**
 * Intake: which materializer takes a value, and what becomes of the files that it writes.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { BlobFailure } from "../errors.js"
import { copyBytesMax, treeInlineCountMax } from "../limits.js"
import { materializers } from "../materializer/all.js"
import type { FileOutput, Materializer } from "../materializer/materializer.js"
import { digestOf } from "../model/digest.js"
import type { SaveProgress } from "./call-options.js"
import { chooseMaterializer } from "./intake.js"
import { MemoryPlace, opened } from "./places.contract.js"

type Save = (out: FileOutput) => void | Promise<void>

/** A materializer whose values are what to write. */
const writing: Materializer<Save, number> = {
  name: "writing",
  revision: 3,
  type: "model",
  accepts: (value) => typeof value === "function",
  save: (write, out) => write(out),
  load: ({ paths }) => paths.length,
}

const ledgerOf = () => opened({ memory: true, materializers: [writing] })

const nothingSaved = async (write: Save) => {
  const ledger = await ledgerOf()
  const error: unknown = await ledger.save("a", write).then(
    () => "was saved",
    (thrown: unknown) => thrown,
  )
  expect(ledger.position).toBe(1)
  return error
}

async function* pieces(...given: ReadonlyArray<Uint8Array | Error>) {
  for (const piece of given) yield piece instanceof Error ? await Promise.reject(piece) : piece
}

describe("the materializer of a value", () => {
  const all = [writing, ...materializers]

  it("is the first that takes it, or the one that was asked for and takes it", () => {
    expect(chooseMaterializer(all, () => 1, undefined)).toBe(writing)
    expect(chooseMaterializer(all, "text", undefined).name).toBe("text")
    expect(chooseMaterializer(all, "text", "json").name).toBe("json")
    expect(chooseMaterializer(materializers, () => 1, writing)).toBe(writing)
  })

  it("is refused by name when it is not known or does not take the value", () => {
    const choose = (value: unknown, asked: string) => () => chooseMaterializer(all, value, asked)
    expect(choose(1, "parquet")).toThrow(
      expect.objectContaining({
        path: "materializer",
        message: expect.stringContaining("ndarray"),
      }),
    )
    expect(choose("no function", "writing")).toThrow(expect.objectContaining({ path: "value" }))
    const cycle: { self?: object } = {}
    cycle.self = { deep: [cycle] }
    expect(() => chooseMaterializer(materializers, cycle, undefined)).toThrow(
      expect.objectContaining({ _tag: "InvalidInput", path: "value.self.deep[0]" }),
    )
  })
})

describe("a built-in materializer that is asked for", () => {
  it.each([
    ["json", { deep: [{ x: undefined }] }, "value.deep[0].x"],
    ["table", [{ a: 1 }, { a: new Date(0) }], "value[1].a"],
    ["text", "half \ud800", "value"],
    ["structured", { f: () => 1 }, "value.f"],
  ])("refuses what it cannot keep at its place: %s", async (materializer, value, path) => {
    const ledger = await opened()
    await expect(ledger.save("a", value, { materializer })).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: expect.stringContaining(path),
    })
    expect(ledger.position).toBe(1)
  })
})

describe("the files that a materializer writes", () => {
  it("are all kept, whatever their source, under its name, revision and type", async () => {
    const ledger = await ledgerOf()
    const version = await ledger.save("a", async (out: FileOutput) => {
      out.write("z.txt", "é")
      await Promise.resolve()
      out.write("b/bytes", Uint8Array.of(1, 2))
      out.write("b/stream", pieces(Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)))
    })
    expect(version).toMatchObject({ materializer: "writing@3", type: "model", size: 7 })
    expect(version.content.entries).toEqual([
      { path: "b/bytes", kind: "file", size: 2, digest: digestOf(Uint8Array.of(1, 2)) },
      { path: "b/stream", kind: "file", size: 3, digest: digestOf(Uint8Array.of(3, 4, 5)) },
      { path: "z.txt", kind: "file", size: 2, digest: digestOf(Buffer.from("é")) },
    ])
  })

  it("lie in the event up to the bound, and in manifests above it", async () => {
    const ledger = await ledgerOf()
    const many = (count: number) => (out: FileOutput) => {
      for (let n = 0; n < count; n += 1) out.write(`${n}`, `${n}`)
    }
    const at = await ledger.save("a", many(treeInlineCountMax))
    const above = await ledger.save("a", many(treeInlineCountMax + 1))
    expect(at.content.entries).toHaveLength(treeInlineCountMax)
    expect(above.content).toEqual({ digest: above.digest, size: 24, count: 17 })
    expect(await ledger.load(above)).toBe(17)
  })

  it("may be none", async () => {
    const ledger = await ledgerOf()
    const version = await ledger.save("a", () => undefined)
    expect(version).toMatchObject({ size: 0, content: { count: 0, entries: [] } })
    expect(await ledger.load(version)).toBe(0)
  })

  it("are refused by a path that climbs, comes twice or lies below a file", async () => {
    const bad = ["../up", "/etc/passwd", "C:/x", "a\\b", "a//b", "./a", "", "a\u0000", "e\u0301"]
    for (const path of bad)
      expect(await nothingSaved((out) => out.write(path, "x"))).toMatchObject({
        _tag: "InvalidInput",
      })
    const twice = await nothingSaved((out) => {
      out.write("a", "1")
      out.write("a", "2")
    })
    expect(twice).toMatchObject({ _tag: "InvalidInput", path: "file a" })
    const below = await nothingSaved((out) => {
      out.write("a/b", "1")
      out.write("a", "2")
    })
    expect(below).toMatchObject({ _tag: "InvalidInput", path: "files" })
  })

  it("are refused when they come after its save has ended", async () => {
    let late = Promise.resolve()
    const ledger = await ledgerOf()
    await ledger.save("a", (out: FileOutput) => {
      out.write("in time", "1")
      late = new Promise(setImmediate).then(() => out.write("late", "2"))
    })
    await expect(late).rejects.toMatchObject({ _tag: "InvalidInput", path: 'file "late"' })
    expect((await ledger.get("a")).content.entries).toMatchObject([{ path: "in time" }])
  })

  it("are refused when they are text that UTF-8 cannot hold", async () => {
    const error = await nothingSaved((out) => out.write("a", "half \ud800"))
    expect(error).toMatchObject({ _tag: "InvalidInput", path: "file a" })
  })

  it("are refused when their source is none", async () => {
    for (const source of [5, undefined, null, [], new ArrayBuffer(2), new Float32Array(1)])
      expect(await nothingSaved((out) => out.write("a", source as never))).toMatchObject({
        _tag: "InvalidInput",
        path: "file a",
      })
    for (const chunk of ["text", new Float32Array(3), null])
      expect(await nothingSaved((out) => out.write("a", pieces(chunk as never)))).toMatchObject({
        _tag: "InvalidInput",
        path: "file a",
      })
    expect(await nothingSaved((out) => out.write(5 as never, "x"))).toMatchObject({
      _tag: "InvalidInput",
    })
  })

  it("are what was hashed, though a stream writes over the bytes that it gave", async () => {
    const ledger = await ledgerOf()
    const shared = new Uint8Array(3_000_000)
    const scribbled = async function* () {
      for (let n = 1; n <= 3; n += 1) {
        for (let at = 0; at < shared.length; at += 1) shared[at] = (at * n) % 251
        yield await Promise.resolve(shared)
      }
    }
    let mark = 0
    const scribble = setInterval(() => shared.fill(mark++), 0)
    const saving = ledger.save("a", (out: FileOutput) => out.write("a", scribbled()))
    await saving.finally(() => clearInterval(scribble))
    const stored: Array<Uint8Array> = []
    for await (const bytes of ledger.open("a")) stored.push(bytes)
    expect((await ledger.get("a")).content.entries).toMatchObject([
      { size: 9_000_000, digest: digestOf(...stored) },
    ])
  })

  it("are of the moment of the call, and so is the metadata", async () => {
    const ledger = await opened()
    const [bytes, list] = [Uint8Array.of(1, 2, 3), [1, 1]]
    const saving = [ledger.save("bytes", bytes), ledger.save("list", list)]
    bytes.fill(9)
    list.fill(99)
    await Promise.all(saving)
    expect(await ledger.load("bytes")).toEqual(Uint8Array.of(1, 2, 3))
    expect(await ledger.load("list")).toEqual([1, 1])
    expect((await ledger.get("list")).metadata).toMatchObject({ max: 1 })
  })

  it("do not change with the bytes that the caller goes on using", async () => {
    const ledger = await opened()
    const bytes = Buffer.alloc(9_000_000, "abcdefg")
    const saving = ledger.save("a", bytes)
    let mark = 0
    const scribble = setInterval(() => {
      mark += 1
      bytes.fill(mark)
    }, 1)
    const version = await saving.finally(() => clearInterval(scribble))
    const loaded = await ledger.load(version)
    expect(version.content.entries?.[0]?.digest).toBe(digestOf(loaded))
  })
})

describe("a source that fails", () => {
  it("is a failure of a file, with its cause, and nothing is saved", async () => {
    const cause = new Error("unplugged")
    const error = await nothingSaved((out) => out.write("a", pieces(Uint8Array.of(1), cause)))
    expect(error).toMatchObject({ _tag: "FileFailure", kind: "unavailable", outcome: "none" })
    expect(error).toHaveProperty("cause", cause)
  })

  it("with an error of the ledger's own, or of the materializer's, lets it out", async () => {
    const own = new BlobFailure({ message: "x", operation: "read", reason: "io", outcome: "none" })
    expect(await nothingSaved((out) => out.write("a", pieces(own)))).toBe(own)
    const thrown = new RangeError("mine")
    const throwing = () => {
      throw thrown
    }
    expect(await nothingSaved(throwing)).toBe(thrown)
  })

  it("such as a full store leaves no fact", async () => {
    const place = new MemoryPlace(0)
    const full = { message: "x", operation: "put", reason: "full", outcome: "none" } as const
    const failure = new BlobFailure(full)
    place.fail.blob = (operation) => (operation === "put" ? failure : undefined)
    const error = await place.use((ledger) => Effect.flip(ledger.save("a", 1)))
    expect(error).toBe(failure)
    expect(place.records).toHaveLength(1)
  })
})

describe("the progress of a save", () => {
  const told = async (value: unknown) => {
    const ledger = await ledgerOf()
    const progress: Array<SaveProgress> = []
    await ledger.save("a", value, { onProgress: (one) => void progress.push(one) })
    return progress
  }

  it("goes up to all bytes, which are known beforehand unless it is a stream", async () => {
    expect(await told("text")).toEqual([{ done: 4, total: 4 }])
    const large = 2 * copyBytesMax + 7
    expect(await told(new Uint8Array(large))).toEqual([
      { done: copyBytesMax, total: large },
      { done: 2 * copyBytesMax, total: large },
      { done: large, total: large },
    ])
    expect(await told(pieces(new Uint8Array(5), new Uint8Array(6)))).toEqual([
      { done: 5 },
      { done: 11 },
    ])
  })

  it("is one of all files, each told as it comes", async () => {
    const progress = await told((out: FileOutput) => {
      for (const [path, text] of Object.entries({ a: "12", b: "345", c: "6" }))
        out.write(path, text)
    })
    expect(progress.map(({ total }) => total)).toEqual([6, 6, 6])
    expect(progress.at(-1)).toEqual({ done: 6, total: 6 })
  })

  it("is told to a function alone, and what that throws ends the save", async () => {
    const ledger = await opened()
    const bad = 5 as never
    await expect(ledger.save("a", 1, { onProgress: bad })).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "options.onProgress",
    })
    const enough = new Error("enough")
    const onProgress = () => {
      throw enough
    }
    await expect(ledger.save("a", 1, { onProgress })).rejects.toBe(enough)
    expect(ledger.position).toBe(1)
  })
})

describe("automatic metadata", () => {
  const reading = (metadata: () => object) => ({ ...writing, metadata }) as typeof writing

  it("never fails a save, whatever reading it does", async () => {
    const ledger = await opened()
    const readings = [
      () => {
        throw new Error("no")
      },
      () => ({ bad: () => 1 }),
      () => ({ huge: "x".repeat(100_000) }),
      () => Promise.resolve({ late: 1 }),
      () => Promise.reject(new Error("never awaited")),
    ]
    for (const read of readings) {
      const { metadata } = await ledger.save("a", () => undefined, { materializer: reading(read) })
      expect(Object.keys(metadata)).toEqual(["storage_size"])
    }
  })

  it("gives way to the caller's own, also where both together are too much", async () => {
    const ledger = await opened()
    const text = "x".repeat(15_000)
    const read = () => ({ n: 1, a: text, b: text, c: text })
    const given = { n: 2, d: text, e: text, f: text }
    const options = { materializer: reading(read), metadata: given }
    const { metadata } = await ledger.save("a", () => undefined, options)
    expect(metadata).toMatchObject(given)
  })
})

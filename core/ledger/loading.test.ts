/**
 * Loading: by the materializer that wrote, by its reader of an older revision, or by what the
 * caller asks for.
 */
import { join } from "node:path"
import * as Schema from "effect/Schema"
import { describe, expect, expectTypeOf, it } from "vitest"
import type { FileInput, FileOutput, Materializer } from "../materializer/materializer.js"
import type { ArtifactVersion } from "../model/artifact.js"
import { opened, temporary } from "./places.contract.js"

class Point {
  readonly x: number
  constructor(x: number) {
    this.x = x
  }
}

/** Written as people write them: with state of its own, reached by `this`. */
class PointMaterializer implements Materializer<Point, Point> {
  readonly name = "point"
  readonly revision: number
  readonly readers: NonNullable<Materializer<Point, Point>["readers"]>
  readonly #file: string

  constructor(revision: number, readers: PointMaterializer["readers"] = {}) {
    this.revision = revision
    this.readers = readers
    this.#file = `point.${revision}`
  }

  accepts(value: unknown): boolean {
    return value instanceof Point
  }

  save({ x }: Point, out: FileOutput): void {
    out.write(this.#file, String(x))
  }

  async load(files: FileInput): Promise<Point> {
    return new Point(Number(await files.text(this.#file)))
  }
}

const first = new PointMaterializer(1)

describe("a value", () => {
  it("is read by what wrote it, and by nothing else", async () => {
    const ledger = await opened()
    const version = await ledger.save("p", new Point(3), { materializer: first })
    const unknown = { _tag: "TypeMismatch", kind: "conflict", path: "materializer" }
    await expect(ledger.load(version)).rejects.toMatchObject(unknown)
    await expect(ledger.load("p")).rejects.toThrow("point@1")
    expect(await ledger.load("p", { as: first })).toEqual(new Point(3))
  })

  it("has the type that it comes back as", async () => {
    const ledger = await opened({ memory: true, materializers: [first] })
    const rows = await ledger.load(await ledger.save("rows", [{ a: 1 }]))
    expectTypeOf(rows).toEqualTypeOf<Array<{ a: number }>>()
    const buffer = await ledger.load(await ledger.save("bytes", Buffer.from("hi")))
    expectTypeOf(buffer).toEqualTypeOf<Uint8Array>()
    expect(buffer).not.toBeInstanceOf(Buffer)
    const blob = await ledger.load(await ledger.save("blob", new Blob(["hi"])))
    expectTypeOf(blob).toEqualTypeOf<Uint8Array>()
    expect(blob).toEqual(new Uint8Array(buffer))
    const length: Materializer<string, number> = {
      ...{ name: "length", revision: 1, accepts: () => true },
      save: (text, out) => out.write("length", String(text.length)),
      load: async (files) => Number(await files.text("length")),
    }
    const saved = await ledger.save("length", "four", { materializer: length })
    expectTypeOf(saved).toEqualTypeOf<ArtifactVersion<number>>()
    expectTypeOf(await ledger.load("rows")).toEqualTypeOf<unknown>()
    expectTypeOf(await ledger.load("length", { as: length })).toEqualTypeOf<number>()
    expect(await ledger.load("length", { as: length })).toBe(4)
  })

  it("by the materializer it is asked with, also of an older revision", async () => {
    const ledger = await opened()
    await ledger.save("p", new Point(4), { materializer: first })
    const kept = new PointMaterializer(2, { 1: (files: FileInput) => first.load(files) })
    expect(await ledger.load("p", { as: kept })).toEqual(new Point(4))
  })

  it("of an older revision is read by the reader kept for it, or named", async () => {
    const directory = join(temporary(), "ledger")
    const before = await opened({ directory, materializers: [first] })
    await before.save("p", new Point(4))
    await before.close()
    const bare = await opened({ directory, materializers: [new PointMaterializer(2)] })
    await expect(bare.load("p")).rejects.toThrow("point@1")
    await bare.close()
    const readers = { 1: (files: FileInput) => first.load(files) }
    const kept = await opened({ directory, materializers: [new PointMaterializer(2, readers)] })
    expect(await kept.load("p")).toEqual(new Point(4))
    await kept.save("p", new Point(5))
    expect(await kept.load("p")).toEqual(new Point(5))
    expect((await kept.get("p")).materializer).toBe("point@2")
  })

  it("can be read in another way than it was written", async () => {
    const ledger = await opened()
    await ledger.save("j", { a: [1, 2] })
    const raw: Materializer<never, string> = {
      name: "raw",
      revision: 1,
      accepts: () => false,
      save: () => undefined,
      load: async ({ paths, stream }) => {
        let text = ""
        for await (const bytes of stream(paths[0] ?? "")) text += Buffer.from(bytes)
        return `${paths}: ${text}`
      },
    }
    expect(await ledger.load("j", { as: raw })).toBe('data.json: {"a":[1,2]}')
    const lost = { ...raw, load: ({ bytes }: FileInput) => bytes("other").then(String) }
    await expect(ledger.load("j", { as: lost })).rejects.toThrow("has no file other")
  })

  it("of a loader that throws lets its error out", async () => {
    const ledger = await opened()
    await ledger.save("j", 1)
    const own = new RangeError("mine")
    const throwing = new PointMaterializer(1)
    throwing.load = () => Promise.reject(own)
    await expect(ledger.load("j", { as: throwing })).rejects.toBe(own)
  })
})

describe("a schema to load by", () => {
  const shape = Schema.toStandardSchemaV1(
    Schema.Struct({ rows: Schema.Array(Schema.Struct({ n: Schema.Number })) }),
  )

  it("gives the value it makes of what is stored", async () => {
    const ledger = await opened()
    await ledger.save("j", { rows: [{ n: 1 }] })
    expect(await ledger.load("j", { as: shape })).toEqual({ rows: [{ n: 1 }] })
    const dates = Schema.toStandardSchemaV1(Schema.FiniteFromString)
    await ledger.save("t", "12.5")
    expect(await ledger.load("t", { as: dates })).toBe(12.5)
  })

  it("that does not match is a mismatch at the place of the first difference", async () => {
    const ledger = await opened()
    await ledger.save("j", { rows: [{ n: 1 }, { n: "2" }] })
    await expect(ledger.load("j", { as: shape })).rejects.toMatchObject({
      _tag: "TypeMismatch",
      kind: "conflict",
      path: "value.rows[1].n",
    })
  })

  it("may take its time", async () => {
    const ledger = await opened()
    await ledger.save("j", { n: 1 })
    const slow = (issues?: ReadonlyArray<{ readonly message: string }>) => ({
      "~standard": {
        version: 1 as const,
        vendor: "slow",
        validate: async (value: unknown) =>
          issues === undefined ? { value: [value] } : { issues },
      },
    })
    expect(await ledger.load("j", { as: slow() })).toEqual([{ n: 1 }])
    await expect(ledger.load("j", { as: slow([{ message: "never" }]) })).rejects.toMatchObject({
      _tag: "TypeMismatch",
      message: "the stored value is not as asked: value: never",
    })
  })

  it("that is neither schema nor materializer is refused", async () => {
    const ledger = await opened()
    await ledger.save("j", 1)
    for (const as of [{}, { load: 5 }, null, 5, "json", () => 1])
      await expect(ledger.load("j", { as: as as never })).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "options.as",
      })
  })
})

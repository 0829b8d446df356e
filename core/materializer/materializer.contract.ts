/**
 * The laws of materializers, built in or a caller's own: what one accepts comes back, the same
 * value gives the same files, and what it reads off a value can be kept as metadata.
 *
 * Files stay in memory and are handed out in small pieces, so that no reader can rely on whole
 * lines or whole characters. Needs no ledger.
 */
import { inspect, isDeepStrictEqual } from "node:util"
import { describe, expect, it } from "vitest"
import { encodeMetadata } from "../model/metadata.js"
import { pathProblem } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import { pieces } from "./files.js"
import type { FileInput, FileSource, Materializer } from "./materializer.js"

/** Files in memory, by path. */
export type Files = Readonly<Record<string, string | Uint8Array>>

const bytesOf = async (source: FileSource): Promise<Uint8Array> => {
  if (typeof source === "string") return Buffer.from(source)
  if (source instanceof Uint8Array) return Uint8Array.prototype.slice.call(source)
  const chunks: Array<Uint8Array> = []
  // Copied, since a source may reuse its chunk.
  for await (const chunk of source) chunks.push(Uint8Array.prototype.slice.call(chunk))
  return Buffer.concat(chunks)
}

function* cut(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** Files as a materializer reads them; `pieceBytes` is the length of the pieces of `stream`. */
export const filesOf = (files: Files, pieceBytes = 61): FileInput => {
  const at = (path: string): Uint8Array => {
    const content = files[path]
    if (content === undefined) throw new Error(`there is no file ${path}`)
    return typeof content === "string" ? Buffer.from(content) : content
  }
  return {
    paths: Object.keys(files).sort(compareUtf8),
    // A copy each time, as from a disk.
    bytes: async (path) => Uint8Array.prototype.slice.call(at(path)),
    text: async (path) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(at(path)),
    stream: (path) => pieces(cut(at(path), pieceBytes)),
  }
}

/** Saves a value into memory: its files by path. Refuses bad paths and paths written twice. */
export const savedFiles = async <Value>(
  { save }: Pick<Materializer<Value>, "save">,
  value: Value,
): Promise<Record<string, Uint8Array>> => {
  const sources: Array<readonly [path: string, source: FileSource]> = []
  await save(value, { write: (path, source) => void sources.push([path, source]) })
  const files: Record<string, Uint8Array> = {}
  for (const [path, source] of sources) {
    const problem = path in files ? "is written twice" : pathProblem(path)
    if (problem !== undefined) throw new Error(`the file ${path} ${problem}`)
    files[path] = await bytesOf(source)
  }
  return files
}

/** What comes back of a value. */
export const roundTrip = async <Value, Loaded>(
  materializer: Materializer<Value, Loaded>,
  value: Value,
): Promise<Loaded> => materializer.load(filesOf(await savedFiles(materializer, value)))

/**
 * The suite. `values` makes the same values anew at each call, so that streams can be among them;
 * `expected` is what a value comes back as, by default itself.
 */
export const materializerContract = <Value, Loaded>(
  materializer: Materializer<Value, Loaded>,
  values: () => ReadonlyArray<Value>,
  expected: (value: Value) => unknown = (value) => value,
): void => {
  const { name, revision, accepts, readers } = materializer

  describe(`the materializer ${name}`, () => {
    it("has a name and a revision from 1, and reads every older revision", () => {
      expect(name).toMatch(/^[a-z][a-z0-9-]*$/)
      expect(Number.isSafeInteger(revision) && revision >= 1).toBe(true)
      for (let older = 1; older < revision; older += 1)
        expect(readers?.[older]).toBeTypeOf("function")
    })

    it("accepts its values, and answers for any other without throwing", () => {
      expect(values().length).toBeGreaterThan(0)
      for (const value of values()) expect(accepts(value)).toBe(true)
      const odd = [undefined, null, Number.NaN, "", "\ud800", 1n, Symbol("s"), () => 1, /x/, [], {}]
      for (const value of odd) expect(accepts(value)).toBeTypeOf("boolean")
    })

    it("gives every value back", async () => {
      const wanted = values()
      for (const [index, value] of values().entries()) {
        const again = wanted[index]
        const loaded = await roundTrip(materializer, value)
        // Node's equality sees prototypes, and is not misled by a key named constructor.
        const same = isDeepStrictEqual(loaded, expected(again as Value))
        expect(same, `${inspect(again)} came back as ${inspect(loaded)}`).toBe(true)
      }
    })

    it("writes the same files for the same value", async () => {
      const second = values()
      for (const [index, value] of values().entries()) {
        const files = await savedFiles(materializer, value)
        expect(Object.keys(files).length).toBeGreaterThan(0)
        const again = await savedFiles(materializer, second[index] as Value)
        expect(isDeepStrictEqual(again, files), `of ${inspect(value)}`).toBe(true)
      }
    })

    it("reads off metadata that can be kept, and a short preview", () => {
      for (const value of values()) {
        const metadata = materializer.metadata?.(value) ?? {}
        expect(() => encodeMetadata(metadata, "metadata")).not.toThrow()
        expect((materializer.preview?.(value) ?? "").split("\n").length).toBeLessThanOrEqual(10)
      }
    })
  })
}

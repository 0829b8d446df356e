/**
 * Values of JavaScript's built-in types as `data.msgpack`, loss-free: what JSON holds, and bigint,
 * undefined, NaN, infinities, -0, Date, Map, Set, records without a prototype, typed arrays,
 * Buffer, ArrayBuffer and ndarrays, nested in any way.
 *
 * Functions, symbols, class instances, getters, holes and cycles are refused by their path.
 */
import { valueBytesMax } from "../limits.js"
import type { Metadata } from "../model/metadata.js"
import { type Plain, pack, unpack } from "../model/msgpack.js"
import { tooLarge, wrongFile } from "./files.js"
import { refusal } from "./flaw.js"
import { plainMetadata } from "./json.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { advice } from "./refusal.js"
import { readTokens, TokenProblem, writeTokens } from "./tokens.js"
import { findFlaw } from "./walk.js"

const packTokens = (tokens: ReadonlyArray<Plain>): Uint8Array => {
  try {
    return pack(tokens)
  } catch {
    // With sound tokens, the only reason left is a file longer than any buffer.
    throw tooLarge("valueBytesMax", valueBytesMax, valueBytesMax + 1)
  }
}

const save = (value: unknown, out: FileOutput): void => {
  const found = findFlaw(value, "structured")
  if (found !== undefined) throw refusal(found, advice)
  const tokens: Array<Plain> = []
  writeTokens(value, tokens)
  const file = packTokens(tokens)
  if (file.length > valueBytesMax) throw tooLarge("valueBytesMax", valueBytesMax, file.length)
  out.write("data.msgpack", file)
}

const unpackTokens = (bytes: Uint8Array): Plain => {
  try {
    return unpack(bytes)
  } catch {
    throw wrongFile("data.msgpack", "is not MessagePack")
  }
}

const load = async (files: FileInput): Promise<unknown> => {
  const tokens = unpackTokens(await files.bytes("data.msgpack"))
  try {
    return readTokens(tokens)
  } catch (error) {
    throw error instanceof TokenProblem ? wrongFile("data.msgpack", error.message) : error
  }
}

const metadata = (value: unknown): Metadata =>
  value instanceof Map || value instanceof Set ? { length: value.size } : plainMetadata(value)

/** Takes what JSON cannot express; of class instances, only the built-in ones named above. */
export const structuredMaterializer: Materializer<unknown, unknown> = {
  name: "structured",
  revision: 1,
  accepts: (value) => findFlaw(value, "structured") === undefined,
  save,
  load,
  metadata,
}

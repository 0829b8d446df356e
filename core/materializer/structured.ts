/**
 * Values of JavaScript's built-in types as `data.msgpack`, loss-free: what JSON holds, and bigint,
 * undefined, NaN, infinities, -0, Date, Map, Set, records of no prototype, typed arrays, Buffer,
 * ArrayBuffer and ndarrays, nested at will.
 *
 * Functions, symbols, class instances, getters, holes and cycles are refused by their path.
 */
import { LimitExceeded } from "../errors.js"
import { valueBytesMax } from "../limits.js"
import type { Metadata } from "../model/metadata.js"
import { type Plain, pack, unpack } from "../model/msgpack.js"
import { wrongForm } from "./files.js"
import { refusal } from "./flaw.js"
import { plainMetadata } from "./json.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { advice } from "./refusal.js"
import { readTokens, TokenProblem, writeTokens } from "./tokens.js"
import { findFlaw } from "./walk.js"

const packTokens = (tokens: ReadonlyArray<Plain>): Uint8Array => {
  try {
    return pack(tokens)
  } catch (cause) {
    // Of sound tokens, the one reason left is a file longer than any buffer can be.
    throw new LimitExceeded({
      limit: "valueBytesMax",
      allowed: valueBytesMax,
      actual: valueBytesMax + 1,
      message: `value is too large for one file (${String(cause)}): save it in parts`,
    })
  }
}

const save = (value: unknown, out: FileOutput): void => {
  const found = findFlaw(value, "structured")
  if (found !== undefined) throw refusal(found, advice)
  const tokens: Array<Plain> = []
  writeTokens(value, tokens)
  out.write("data.msgpack", packTokens(tokens))
}

const unpackTokens = (bytes: Uint8Array): Plain => {
  try {
    return unpack(bytes)
  } catch {
    throw wrongForm("data.msgpack", "is not MessagePack")
  }
}

const load = async (files: FileInput): Promise<unknown> => {
  const tokens = unpackTokens(await files.bytes("data.msgpack"))
  try {
    return readTokens(tokens)
  } catch (error) {
    throw error instanceof TokenProblem ? wrongForm("data.msgpack", error.message) : error
  }
}

const metadata = (value: unknown): Metadata =>
  value instanceof Map || value instanceof Set ? { length: value.size } : plainMetadata(value)

/** Takes what JSON cannot say; of class instances, only the built-in ones named above. */
export const structuredMaterializer: Materializer<unknown, unknown> = {
  name: "structured",
  revision: 1,
  accepts: (value) => findFlaw(value, "structured") === undefined,
  save,
  load,
  metadata,
}

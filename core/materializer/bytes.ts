/**
 * Bytes as `data.bin`: given at once, or as a stream that is passed on piece by piece and never
 * held whole. Comes back as a Uint8Array. Whether a stream yields bytes is seen only when it is
 * pulled, so a chunk of anything else is refused then.
 */
import { Readable } from "node:stream"
import { types } from "node:util"
import { refuse } from "../model/input.js"
import type { Metadata } from "../model/metadata.js"
import { chunksOf } from "./chunks.js"
import { chooseAnother, flaw, refusal, unlessThrown } from "./flaw.js"
import { imageSize } from "./image.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { copyOf, viewBytes } from "./typed-array.js"

/** A File is a Blob; Node's Readable and the web's ReadableStream are async iterables. */
export type Bytes = Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array>

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !types.isProxy(value)

const wholeBytes = (value: unknown): Uint8Array | undefined => {
  if (types.isUint8Array(value)) return viewBytes(value)
  if (!types.isArrayBuffer(value)) return undefined
  // A detached buffer has no bytes, and no view can be made of it.
  return value.byteLength === 0 ? new Uint8Array(0) : new Uint8Array(value)
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  isObject(value) && typeof Reflect.get(value, Symbol.asyncIterator) === "function"

const isBlob = (value: unknown): value is Blob =>
  // Its size throws for what only has the prototype of one.
  isObject(value) && value instanceof Blob && value.size >= 0

const accepts = (value: unknown): boolean =>
  wholeBytes(value) !== undefined || isBlob(value) || isStream(value)

/** Strings are refused too: by now nobody knows which encoding they came from. */
const checked =
  (at: string) =>
  (chunk: unknown, index: number): Uint8Array => {
    if (types.isUint8Array(chunk)) return chunk
    return refuse(
      `${at}<chunk ${index}>`,
      `is a ${chunk === null ? "null" : typeof chunk}, not a Uint8Array: ${
        typeof chunk === "string" ? "read the stream without an encoding" : "stream bytes only"
      }`,
    )
  }

/**
 * Whether bytes of a stream are gone, or go to somebody else: what was read before would be missing
 * from the file. Of a foreign stream only its flags can tell, of a plain generator nothing.
 */
const isSpent = (stream: unknown): boolean =>
  Readable.isDisturbed(stream as NodeJS.ReadableStream) ||
  ["locked", "destroyed", "readableEnded", "readableFlowing"].some(
    (flag) => Reflect.get(Object(stream), flag) === true,
  )

const streamed = (value: unknown, at: string): AsyncIterable<Uint8Array> | undefined => {
  if (isBlob(value)) return chunksOf(value.stream(), checked(at))
  return isStream(value) ? chunksOf(value, checked(at)) : undefined
}

/**
 * Bytes as they were given: whole, or as they come; undefined for what is neither, `"spent"` for a
 * stream that somebody has read from. `at` is the name of the argument, for what a stream yields.
 */
export const bytesGiven = (
  value: unknown,
  at: string,
): Uint8Array | AsyncIterable<Uint8Array> | "spent" | undefined => {
  const source = unlessThrown((given) => wholeBytes(given) ?? streamed(given, at), undefined)(value)
  if (source === undefined || source instanceof Uint8Array) return source
  // A stream whose flags cannot be read is no stream to rely on.
  return unlessThrown(isSpent, true)(value) ? "spent" : source
}

const save = (value: unknown, out: FileOutput): void => {
  const source = bytesGiven(value, "value")
  if (source === undefined) throw refusal(flaw("is not bytes"), chooseAnother)
  if (source === "spent")
    throw refusal(flaw("is a stream that is being or has been read"), "open a new one")
  out.write("data.bin", source)
}

/** Small files lie in a pool that Node shares out: callers get memory that is theirs alone. */
const load = async (files: FileInput): Promise<Uint8Array> => {
  const bytes = await files.bytes("data.bin")
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : copyOf(bytes)
}

const metadata = (value: Bytes): Metadata => {
  const whole = wholeBytes(value)
  return whole === undefined ? {} : { ...imageSize(whole) }
}

/** Uint8Array, ArrayBuffer, Blob, File, Node and web streams, async iterables of Uint8Array. */
export const bytesMaterializer: Materializer<Bytes, Uint8Array> = {
  name: "bytes",
  revision: 1,
  accepts: unlessThrown(accepts, false),
  save,
  load,
  metadata,
}

/**
 * Bytes as `data.bin`: given at once, or as a stream that is passed on piece by piece and never
 * held whole. Comes back as a Uint8Array. Whether a stream yields bytes is seen only when it is
 * pulled, so a chunk of anything else is refused then.
 */
import { types } from "node:util"
import { InvalidInput } from "../errors.js"
import type { Metadata } from "../model/metadata.js"
import { unlessThrown } from "./flaw.js"
import { imageSize } from "./image.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { viewBytes } from "./typed-array.js"

/** A File is a Blob; Node's Readable and a web ReadableStream are async iterables. */
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

const isBlob = (value: unknown): value is Blob => isObject(value) && value instanceof Blob

const accepts = (value: unknown): boolean =>
  wholeBytes(value) !== undefined || isBlob(value) || isStream(value)

const refuse = (path: string, problem: string): InvalidInput =>
  new InvalidInput({ path, message: `${path} ${problem}` })

/** Strings are refused too: by now nobody knows which encoding they came from. */
async function* checked(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  let index = 0
  for await (const chunk of stream) {
    if (!types.isUint8Array(chunk))
      throw refuse(
        `value<chunk ${index}>`,
        `is a ${chunk === null ? "null" : typeof chunk}, not a Uint8Array: ${
          typeof chunk === "string" ? "read the stream without an encoding" : "stream bytes only"
        }`,
      )
    index += 1
    yield chunk
  }
}

/** A stream that was read before would be stored as if it were empty. */
const isSpent = (stream: object): boolean =>
  ["locked", "destroyed", "readableEnded"].some((flag) => Reflect.get(stream, flag) === true)

const chunksOf = (value: unknown): AsyncIterable<Uint8Array> => {
  if (isBlob(value)) return checked(value.stream())
  if (!isStream(value)) throw refuse("value", "is not bytes: choose another materializer")
  if (isSpent(value)) throw refuse("value", "is a stream that is being or has been read")
  return checked(value)
}

const save = (value: unknown, out: FileOutput): void => {
  out.write("data.bin", wholeBytes(value) ?? chunksOf(value))
}

const load = async (files: FileInput): Promise<Uint8Array> => {
  const bytes = await files.bytes("data.bin")
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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

/**
 * The bytes of files that were left in place, each piece of which is checked before it is handed
 * out: of small files by threads, many at a time, of larger ones piece by piece.
 *
 * Every call opens what it needs and closes it again.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { sentFileCountMax } from "../limits.js"
import { fromDigest, sha256 } from "../model/digest.js"
import { splitPath } from "../model/path.js"
import { attemptOn, failureOf, readRegistered, type ScanFailure } from "./asked.js"
import { readExactly } from "./file.js"
import { drifted, sentences } from "./found.js"
import { NearDirectories } from "./near.js"
import { pieceBytes } from "./pieces.js"
import { type OpenDirectory, type OpenFile, openBelow } from "./safe-path.js"
import type { RegisteredFile } from "./send-work.js"

/** A file as it was registered, with the digests of its pieces if it has several. */
export interface LinkedFile extends RegisteredFile {
  readonly pieces: Uint8Array | undefined
}

/** Half-open, in bytes. */
interface Range {
  readonly start: number
  readonly end: number
}

/** A range of a file to be written to a place of its length. */
export interface LinkedPart {
  readonly file: LinkedFile
  readonly range?: Range
  readonly into: Uint8Array
}

const pieceOf = async (
  opened: OpenFile,
  { path, size, digest, pieces }: LinkedFile,
  index: number,
): Promise<Uint8Array> => {
  const start = index * pieceBytes
  const bytes = await readExactly(opened, path, start, Math.min(pieceBytes, size - start))
  const expected = pieces?.subarray(index * 32, (index + 1) * 32) ?? fromDigest(digest)
  if (Buffer.compare(sha256(bytes), expected) !== 0) throw drifted(path, sentences.content)
  return bytes
}

/** The bytes of a range of a file, piece by piece. */
async function* bytesOf(
  directory: OpenDirectory,
  name: string,
  file: LinkedFile,
  range: Range,
): AsyncGenerator<Uint8Array> {
  const opened = await directory.file(name)
  try {
    if (opened.found.size !== file.size) throw drifted(file.path, sentences.content)
    for (
      let index = Math.floor(range.start / pieceBytes);
      index * pieceBytes < range.end;
      index += 1
    ) {
      const bytes = await pieceOf(opened, file, index)
      const from = Math.max(range.start - index * pieceBytes, 0)
      yield bytes.subarray(from, range.end - index * pieceBytes)
    }
  } finally {
    await opened.handle.close()
  }
}

/** Small files are read whole, whatever is wanted of them. */
const fillSmall = (
  root: OpenDirectory,
  group: ReadonlyArray<LinkedPart>,
): Effect.Effect<void, ScanFailure> => {
  const files = group.map(({ file: { path, size, digest } }) => ({ path, size, digest }))
  return Effect.map(readRegistered(root, files), (bytes) => {
    let at = 0
    for (const { file, range, into } of group) {
      const start = at + (range?.start ?? 0)
      into.set(bytes.subarray(start, start + into.length))
      at += file.size
    }
  })
}

/** The files below a folder that was left in place. */
export class LinkedFiles {
  readonly #open: () => Promise<OpenDirectory>
  readonly #shown: string

  constructor(shown: string, open: () => Promise<OpenDirectory>) {
    this.#shown = shown
    this.#open = open
  }

  /** The bytes of a file, or of a half-open range of them. */
  read(file: LinkedFile, range?: Range): Stream.Stream<Uint8Array, ScanFailure> {
    const { start, end } = range ?? { start: 0, end: file.size }
    const bytes = this.#bytes(file, { start, end: Math.min(end, file.size) })
    return Stream.fromAsyncIterable(bytes, (cause) => failureOf(file.path, cause))
  }

  /** Fills the places of parts. */
  readInto(parts: ReadonlyArray<LinkedPart>): Effect.Effect<void, ScanFailure> {
    const small = parts.filter(({ file }) => file.size <= pieceBytes)
    const large = parts.filter(({ file }) => file.size > pieceBytes)
    const both = [
      ...(small.length > 0 ? [this.#fillSmall(small)] : []),
      ...(large.length > 0 ? [this.#fillLarge(large)] : []),
    ]
    return Effect.all(both, { concurrency: "unbounded", discard: true })
  }

  #fillSmall(parts: ReadonlyArray<LinkedPart>): Effect.Effect<void, ScanFailure> {
    return Effect.acquireUseRelease(
      attemptOn(this.#shown, () => this.#open()),
      (root) =>
        Effect.forEach(Arr.chunksOf(parts, sentFileCountMax), (group) => fillSmall(root, group), {
          concurrency: "unbounded",
          discard: true,
        }),
      (root) => Effect.promise(() => root.release()),
    )
  }

  #fillLarge(parts: ReadonlyArray<LinkedPart>): Effect.Effect<void, ScanFailure> {
    return attemptOn(this.#shown, async () => {
      const near = new NearDirectories(await this.#open())
      try {
        for (const part of parts)
          await near.use(part.file.path, (directory, name) => fillPart(directory, name, part))
      } finally {
        await near.close()
      }
    })
  }

  async *#bytes(file: LinkedFile, range: Range): AsyncGenerator<Uint8Array> {
    const { below, name } = splitPath(file.path)
    const root = await this.#open()
    const directory = await openBelow(root, below === "" ? [] : below.split("/")).finally(() =>
      root.release(),
    )
    try {
      yield* bytesOf(directory, name, file, range)
    } finally {
      await directory.release()
    }
  }
}

const fillPart = async (
  directory: OpenDirectory,
  name: string,
  { file, range = { start: 0, end: file.size }, into }: LinkedPart,
): Promise<void> => {
  let at = 0
  for await (const bytes of bytesOf(directory, name, file, range)) {
    into.set(bytes, at)
    at += bytes.length
  }
}

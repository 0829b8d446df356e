/**
 * Files that were left in place: whether they are still what was registered, and their bytes, each
 * piece of which is checked before it is handed out.
 *
 * Every call opens what it needs and closes it again. Files that came later are not looked at.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Digest, fromDigest, sha256 } from "../model/digest.js"
import { attemptOn, failureOf, type ScanFailure } from "./asked.js"
import { findDrift } from "./drift.js"
import { readExactly } from "./file.js"
import { drifted } from "./found.js"
import type { Change, Check, LinkedEntry } from "./judge.js"
import { NearDirectories, splitPath } from "./near.js"
import { registeredTree } from "./registered.js"
import { type OpenDirectory, type OpenFile, openBelow } from "./safe-path.js"
import { pieceBytes } from "./states.js"

/** Half-open, in bytes. */
interface Range {
  readonly start: number
  readonly end: number
}

/** A range of a file to be written to a place. */
export interface LinkedPart {
  readonly digest: Digest
  readonly range?: Range
  readonly into: Uint8Array
}

const sentences: Readonly<Record<Change, string>> = {
  missing: "is gone since it was registered",
  kind: "is something else than was registered",
  content: "is not what was registered",
  mode: "is executable by now, or not any more",
}

const pieceOf = async (
  file: OpenFile,
  { path, size, digest, state }: LinkedEntry,
  index: number,
): Promise<Uint8Array> => {
  const start = index * pieceBytes
  const bytes = await readExactly(file, path, start, Math.min(pieceBytes, size - start))
  const expected = state?.pieces?.subarray(index * 32, (index + 1) * 32) ?? fromDigest(digest)
  if (Buffer.compare(sha256(bytes), expected) !== 0) throw drifted(path, sentences.content)
  return bytes
}

/** The bytes of a range of a file, piece by piece. */
async function* bytesOf(
  directory: OpenDirectory,
  name: string,
  entry: LinkedEntry,
  range: Range,
): AsyncGenerator<Uint8Array> {
  const file = await directory.file(name)
  try {
    if (file.found.size !== entry.size) throw drifted(entry.path, sentences.content)
    for (
      let index = Math.floor(range.start / pieceBytes);
      index * pieceBytes < range.end;
      index += 1
    ) {
      const bytes = await pieceOf(file, entry, index)
      const from = Math.max(range.start - index * pieceBytes, 0)
      yield bytes.subarray(from, range.end - index * pieceBytes)
    }
  } finally {
    await file.handle.close()
  }
}

/** The files of one version, where they lie. */
export class LinkedFiles {
  readonly entries: ReadonlyArray<LinkedEntry>
  readonly #open: () => Promise<OpenDirectory>
  readonly #shown: string
  readonly #files: ReadonlyMap<Digest, LinkedEntry>

  constructor(
    shown: string,
    open: () => Promise<OpenDirectory>,
    entries: ReadonlyArray<LinkedEntry>,
  ) {
    this.#shown = shown
    this.#open = open
    this.entries = entries
    const files = entries.filter(({ kind }) => kind === "file")
    this.#files = new Map(files.map((entry) => [entry.digest, entry]))
  }

  /** Undefined where no file of it has this digest. */
  file(digest: Digest): LinkedEntry | undefined {
    return this.#files.get(digest)
  }

  /** Fails with `ContentDrifted` for the first entry that is not what was registered. */
  judge(check: Check): Effect.Effect<void, ScanFailure> {
    if (check === "none") return Effect.void
    const [one, another] = this.entries
    const isOne = one !== undefined && another === undefined && !one.path.includes("/")
    const only = isOne ? { only: one.path } : {}
    const found = Effect.acquireUseRelease(
      attemptOn(this.#shown, () => this.#open()),
      (root) => findDrift({ root, check, isWhole: false, ...only }, registeredTree(this.entries)),
      (root) => Effect.promise(() => root.release()),
    )
    return Effect.flatMap(found, ({ entries: [first] }) =>
      first === undefined || first.change === "extra"
        ? Effect.void
        : Effect.fail(drifted(first.path, sentences[first.change])),
    )
  }

  /** The bytes of the file of a digest, or of a half-open range of them. */
  read(digest: Digest, range?: Range): Stream.Stream<Uint8Array, ScanFailure> {
    const entry = this.#entry(digest)
    const clamped = {
      start: range?.start ?? 0,
      end: Math.min(range?.end ?? entry.size, entry.size),
    }
    const bytes = this.#bytes(entry, clamped)
    return Stream.fromAsyncIterable(bytes, (cause) => failureOf(entry.path, cause))
  }

  /** Fills the places of parts, which are as long as what they are of. */
  readInto(parts: ReadonlyArray<LinkedPart>): Effect.Effect<void, ScanFailure> {
    return this.#with(async (near) => {
      for (const { digest, range, into } of parts) {
        const entry = this.#entry(digest)
        let at = 0
        await near.use(entry.path, async (directory, name) => {
          const whole = { start: 0, end: entry.size }
          for await (const bytes of bytesOf(directory, name, entry, range ?? whole)) {
            into.set(bytes, at)
            at += bytes.length
          }
        })
      }
    })
  }

  async *#bytes(entry: LinkedEntry, range: Range): AsyncGenerator<Uint8Array> {
    const { below, name } = splitPath(entry.path)
    const root = await this.#open()
    const directory = await openBelow(root, below === "" ? [] : below.split("/")).finally(() =>
      root.release(),
    )
    try {
      yield* bytesOf(directory, name, entry, range)
    } finally {
      await directory.release()
    }
  }

  #entry(digest: Digest): LinkedEntry {
    const entry = this.#files.get(digest)
    if (entry === undefined) throw new Error(`no file of ${this.#shown} has the digest ${digest}`)
    return entry
  }

  #with<A>(
    act: (near: NearDirectories, root: OpenDirectory) => Promise<A>,
  ): Effect.Effect<A, ScanFailure> {
    return attemptOn(this.#shown, async () => {
      const root = await this.#open()
      const near = new NearDirectories(root)
      try {
        return await act(near, root)
      } finally {
        await near.close()
      }
    })
  }
}

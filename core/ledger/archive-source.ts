/**
 * Where a foreign archive comes from: bytes in memory, a file, or a stream. Its directory stands at
 * its end, so a stream is kept until it is over: a short one in memory, any other in a file that is
 * gone when the scope ends.
 *
 * Knows nothing of what an archive is.
 */
import { randomUUID } from "node:crypto"
import { constants, type FileHandle, open, unlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { attemptOn, type ScanFailure } from "../directory/asked.js"
import { readExactly } from "../directory/file.js"
import { linkOf, openLink, type Roots } from "../directory/roots.js"
import type { OpenFile } from "../directory/safe-path.js"
import { fileMode } from "../disk/files.js"
import { type Failure, type FileFailure, LimitExceeded, type Refusal } from "../errors.js"
import { directoryBytesMax, zipHeldBytesMax } from "../limits.js"
import { bytesGiven } from "../materializer/bytes.js"
import { fileFailure } from "../model/file-failure.js"
import { refuse, text } from "../model/input.js"
import type { ArchiveBytes } from "../zip/archive-bytes.js"
import { sourceFailure } from "./intake.js"

/** A source as it was given, and seen to be one. */
export type ArchiveSource =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly stream: AsyncIterable<Uint8Array> }

/** Throws `InvalidInput` for what is no source of bytes. Nothing is read yet. */
export const parseSource = (given: unknown): ArchiveSource => {
  if (typeof given === "string") {
    const path = text(given, "source", directoryBytesMax)
    if (path === "" || path.includes("\0")) return refuse("source", "is not the path of a file")
    return { kind: "file", path }
  }
  const source = bytesGiven(given, "source")
  if (source === undefined)
    return refuse("source", "is neither bytes, a stream of bytes, nor the path of a file")
  if (source === "spent")
    return refuse("source", "is a stream that is being or has been read: open a new one")
  if (!(source instanceof Uint8Array)) return { kind: "stream", stream: source }
  // As with any value, what counts is what it is at the call; a large one would be held twice.
  const bytes = source.length > zipHeldBytesMax ? source : copyOf(source)
  return { kind: "bytes", bytes }
}

const copyOf = (bytes: Uint8Array, start = 0, end = bytes.length): Buffer =>
  Buffer.from(Uint8Array.prototype.slice.call(bytes, start, end).buffer)

/** Copied as they are read: whoever changes the rest meanwhile changes no byte that was checked. */
const inMemory = (bytes: Uint8Array): ArchiveBytes<never> => ({
  size: bytes.length,
  read: (start, length) =>
    // Others get their turns in between, as they do while a disk is read.
    Effect.map(Effect.yieldNow, () => copyOf(bytes, start, start + length)),
})

const inFile = (handle: FileHandle, size: number, path: string): ArchiveBytes<ScanFailure> => ({
  size,
  read: (start, length) => attemptOn(path, () => readExactly({ handle }, path, start, length)),
})

const openFile = async (roots: Roots, path: string): Promise<OpenFile> => {
  const link = { ...(await linkOf(roots, path, "source")), file: true as const }
  const { directory, name = "." } = await openLink(roots, link)
  try {
    const found = await directory.look(name)
    if (found?.kind === "file") return await directory.file(name)
    return refuse("source", "is the path of something that is no file")
  } finally {
    await directory.release()
  }
}

const fromFile = (
  roots: Roots,
  path: string,
): Effect.Effect<ArchiveBytes<ScanFailure>, ScanFailure, Scope.Scope> =>
  Effect.acquireRelease(
    attemptOn(path, () => openFile(roots, path)),
    ({ handle }) => Effect.promise(() => handle.close()),
  ).pipe(Effect.map(({ handle, found }) => inFile(handle, found.size, path)))

/** A file of nobody else's, which is gone when the scope ends. */
const temporaryFile = Effect.fnUntraced(function* (tmp: string | undefined) {
  const path = join(tmp ?? tmpdir(), `daybook-${randomUUID()}`)
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
  yield* Effect.addFinalizer(() => Effect.promise(() => unlink(path).catch(() => undefined)))
  const handle = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => open(path, flags, fileMode), catch: unkept(path) }),
    (opened) => Effect.promise(() => opened.close()),
  )
  return { path, handle }
})

const unkept =
  (path: string) =>
  (cause: unknown): FileFailure =>
    fileFailure(
      "import",
      `${path} cannot be written, where the archive is kept meanwhile: look at the disk`,
      cause,
    )

/** What has come of a stream: in memory, until there is too much of it. */
class Spool {
  readonly #tmp: string | undefined
  readonly #sizeMax: number
  #held: Array<Uint8Array> = []
  #file: { readonly path: string; readonly handle: FileHandle } | undefined
  #size = 0

  constructor(tmp: string | undefined, sizeMax: number) {
    this.#tmp = tmp
    this.#sizeMax = sizeMax
  }

  readonly add = Effect.fnUntraced(
    { self: this },
    function* (
      this: Spool,
      chunk: Uint8Array,
    ): Effect.fn.Return<void, FileFailure | LimitExceeded, Scope.Scope> {
      this.#size += chunk.length
      if (this.#size > this.#sizeMax) return yield* tooLong(this.#size, this.#sizeMax)
      // A producer may use its buffer again.
      this.#held.push(copyOf(chunk))
      if (this.#size > zipHeldBytesMax) yield* this.#write()
    },
  )

  get bytes(): ArchiveBytes<ScanFailure> {
    if (this.#file === undefined) return inMemory(Buffer.concat(this.#held))
    return inFile(this.#file.handle, this.#size, this.#file.path)
  }

  readonly #write = Effect.fnUntraced({ self: this }, function* (this: Spool) {
    this.#file ??= yield* temporaryFile(this.#tmp)
    const { handle, path } = this.#file
    const held = Buffer.concat(this.#held)
    this.#held = []
    yield* Effect.tryPromise({ try: () => handle.writeFile(held), catch: unkept(path) })
  })
}

const tooLong = (actual: number, allowed: number): LimitExceeded =>
  new LimitExceeded({
    message: `the archive is longer than all that it may hold, and ${allowed} bytes are allowed`,
    limit: "zipBytesMax",
    allowed,
    actual,
  })

/** What a source may be. */
export interface SourceBounds {
  /** What the path of a file is confined to. */
  readonly roots: Roots
  /** A directory for what is too long for memory; that of the system where it is absent. */
  readonly tmp: string | undefined
  /** A stream that brings more bytes is cut off. */
  readonly sizeMax: number
}

/** The bytes of an archive, as long as the scope lasts. */
export const openSource = Effect.fnUntraced(function* (
  source: ArchiveSource,
  { roots, tmp, sizeMax }: SourceBounds,
): Effect.fn.Return<ArchiveBytes<Failure | Refusal>, Failure | Refusal, Scope.Scope> {
  if (source.kind === "bytes") return inMemory(source.bytes)
  if (source.kind === "file") return yield* fromFile(roots, source.path)
  const spool = new Spool(tmp, sizeMax)
  const chunks = Stream.fromAsyncIterable(source.stream, sourceFailure("the archive"))
  yield* Stream.runForEach(chunks, spool.add)
  return spool.bytes
})

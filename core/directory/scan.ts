/**
 * Scanning: a directory becomes the manifests of its content and of its states, directory by
 * directory from the bottom up, while files are taken in side by side.
 *
 * The walk goes on while files are read: what is in flight is bounded, and of a directory only the
 * manifest stays. Whatever changes meanwhile fails the scan. Does not know what becomes of files
 * and manifests: whoever scans takes them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ContentDrifted, FileFailure, InvalidInput, LimitExceeded } from "../errors.js"
import { isDaybookError } from "../errors.js"
import {
  fileReadBytes,
  scanBytesMax,
  scanFileCountMax,
  scanPageCount,
  treeInlineCountMax,
} from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { compareUtf8, emptyManifestDigest } from "../model/tree.js"
import { shownBytes, textOf } from "../model/utf8.js"
import type { TakenFile } from "./file.js"
import { entryPath, refusedName } from "./names.js"
import {
  drifted,
  type Found,
  type FoundKind,
  isUnchanged,
  type OpenDirectory,
  type OpenFile,
  readFailure,
} from "./safe-path.js"
import {
  type Entered,
  entered,
  isExecutable,
  type Page,
  type Scanned,
  stateOf,
  toPage,
} from "./scanned.js"

export type ScanFailure = InvalidInput | LimitExceeded | ContentDrifted | FileFailure

/** A file that is being taken in. It must not be read beyond its size. */
export interface ScannedFile extends OpenFile {
  readonly path: RelativePath
}

/** Who takes what a scan finds. */
export interface ScanSink<E> {
  readonly file: (file: ScannedFile) => Effect.Effect<TakenFile, E>
  /** Bytes of a manifest, in parts. */
  readonly manifest: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<Digest, E>
  /** What may not be met, and why. */
  readonly refuses: (found: Pick<Found, "device" | "inode">) => string | undefined
}

interface Name {
  readonly name: string
  readonly path: RelativePath
  readonly kind: FoundKind
}

/** An error of ours as it is; of any other says which file it was. */
export const failureOf = (shown: string, cause: unknown): ScanFailure =>
  isDaybookError(cause) ? (cause as ScanFailure) : readFailure(shown, cause)

/** Fails with errors of ours as they are; of others says which file it was. */
export const attemptOn = <A>(shown: string, act: () => Promise<A>): Effect.Effect<A, ScanFailure> =>
  Effect.tryPromise({ try: act, catch: (cause) => failureOf(shown, cause) })

const namesIn = async (
  directory: OpenDirectory,
  below: string,
  wanted: string | undefined,
): Promise<Array<Name>> => {
  const names: Array<Name> = []
  for await (const { name, kind } of directory.entries()) {
    if (wanted !== undefined && textOf(name) !== wanted) continue
    const path = entryPath(below, name)
    names.push({ name: path.slice(below.length), path, kind })
  }
  return names.sort((a, b) => compareUtf8(a.name, b.name))
}

/** One scan: what it shares among its directories. */
class Scan<E> {
  readonly #sink: ScanSink<E>
  readonly #scope: Scope.Scope
  readonly #slots: Semaphore.Semaphore
  /** One permit for each byte. */
  readonly #room: Semaphore.Semaphore
  readonly #failed: Deferred.Deferred<never, E | ScanFailure>

  constructor(
    sink: ScanSink<E>,
    scope: Scope.Scope,
    slots: Semaphore.Semaphore,
    room: Semaphore.Semaphore,
    failed: Deferred.Deferred<never, E | ScanFailure>,
  ) {
    this.#sink = sink
    this.#scope = scope
    this.#slots = slots
    this.#room = room
    this.#failed = failed
  }

  /**
   * Walks through a directory, which it releases, and all below it. The fiber that it answers with
   * ends when everything there is taken in. `wanted`: the one name that is looked at.
   */
  walk(opening: Effect.Effect<OpenDirectory, ScanFailure>, below: string, wanted?: string) {
    return Effect.acquireUseRelease(
      opening,
      (directory) => this.#walk(directory, below, wanted),
      (directory) => Effect.promise(() => directory.release()),
    )
  }

  readonly #walk = Effect.fnUntraced(function* (
    this: Scan<E>,
    directory: OpenDirectory,
    below: string,
    wanted: string | undefined,
  ): Effect.fn.Return<Fiber.Fiber<Scanned, E | ScanFailure>, E | ScanFailure> {
    const refusal = this.#sink.refuses(directory.found)
    if (refusal !== undefined) return yield* refusedName(directory.shown, refusal)
    const names = yield* attemptOn(directory.shown, () => namesIn(directory, below, wanted))
    const pages: Array<Fiber.Fiber<Page, E | ScanFailure>> = []
    for (let from = 0; from < names.length; from += scanPageCount) {
      const entries: Array<Effect.Effect<Entered, E | ScanFailure>> = []
      for (const name of names.slice(from, from + scanPageCount))
        entries.push(yield* this.#begin(directory, name))
      pages.push(yield* this.#fork(Effect.map(Effect.all(entries), toPage)))
    }
    return yield* this.#fork(this.#finish(pages))
  })

  /** A failure ends the scan, though nobody waits yet for this part of it. */
  #fork<A>(effect: Effect.Effect<A, E | ScanFailure>) {
    const telling = Effect.tapCause(effect, (cause) => Deferred.failCause(this.#failed, cause))
    // At once: what it holds is let go of by it alone.
    return Effect.forkIn(telling, this.#scope, { startImmediately: true })
  }

  /** Begins with an entry; the effect that it answers with waits for what comes of it. */
  readonly #begin = Effect.fnUntraced(function* (
    this: Scan<E>,
    directory: OpenDirectory,
    { name, path, kind }: Name,
  ): Effect.fn.Return<Effect.Effect<Entered, E | ScanFailure>, E | ScanFailure> {
    if (kind === "file") {
      yield* this.#slots.take(1)
      directory.share()
      const taking = Effect.ensuring(
        this.#takeFile(directory, name, path),
        Effect.andThen(
          Effect.promise(() => directory.release()),
          this.#slots.release(1),
        ),
      )
      return Fiber.join(yield* this.#fork(taking))
    }
    const found = yield* attemptOn(directory.shownOf(name), () => directory.look(name))
    if (found === undefined) return yield* drifted(directory.shownOf(name), "is gone by now")
    if (found.kind === "symlink")
      return Effect.succeed(yield* this.#takeLink(directory, { name, path, kind }, found))
    // What the system says of an entry may be unknown until it is looked at.
    if (found.kind === "file" && kind === "special")
      return yield* this.#begin(directory, { name, path, kind: "file" })
    if (found.kind !== "directory")
      return yield* refusedName(path, "is neither a file, a directory nor a symlink")
    const opening = attemptOn(directory.shownOf(name), () => directory.directory(name))
    const walked = yield* this.walk(opening, `${path}/`)
    return Effect.map(Fiber.join(walked), (scanned) => entered(name, path, found, scanned))
  })

  #takeFile(
    directory: OpenDirectory,
    name: string,
    path: RelativePath,
  ): Effect.Effect<Entered, E | ScanFailure> {
    const shown = directory.shownOf(name)
    return Effect.acquireUseRelease(
      attemptOn(shown, () => directory.file(name)),
      (file) => this.#readFile(name, { ...file, path }, shown),
      ({ handle }) => Effect.promise(() => handle.close()),
    )
  }

  readonly #readFile = Effect.fnUntraced(function* (
    this: Scan<E>,
    name: string,
    file: ScannedFile,
    shown: string,
  ): Effect.fn.Return<Entered, E | ScanFailure> {
    const { path, found } = file
    const now = Date.now()
    // A larger one is read in parts.
    const bytes = Math.min(found.size, fileReadBytes)
    const { digest, ...rest } = yield* this.#room.withPermits(bytes)(this.#sink.file(file))
    const after = yield* attemptOn(shown, () => file.handle.stat({ bigint: true }))
    if (after.mtimeNs !== found.mtime || after.ctimeNs !== found.ctime)
      return yield* drifted(shown, "changed while it was read")
    const executable = isExecutable(found) ? { executable: true as const } : {}
    const entry = { digest, kind: "file" as const, size: found.size, ...executable }
    const state = { ...stateOf(name, found, now), ...rest }
    return { entry, state, count: 1, directories: 0, entries: [{ ...entry, path }], held: [] }
  })

  readonly #takeLink = Effect.fnUntraced(function* (
    this: Scan<E>,
    directory: OpenDirectory,
    { name, path }: Name,
    found: Found,
  ): Effect.fn.Return<Entered, ScanFailure> {
    const shown = directory.shownOf(name)
    const bytes = yield* attemptOn(shown, () => directory.link(name))
    const after = yield* attemptOn(shown, () => directory.look(name))
    if (after === undefined || !isUnchanged(found, after))
      return yield* drifted(shown, "changed while it was read")
    const target = textOf(bytes)
    if (target === undefined)
      return yield* refusedName(shown, `points to ${shownBytes(bytes)}, which is not UTF-8`)
    const kind = "symlink" as const
    const entry = { digest: digestOf(bytes), kind, size: bytes.length, target }
    const state = stateOf(name, found, Date.now())
    return { entry, state, count: 1, directories: 0, entries: [{ ...entry, path }], held: [] }
  })

  readonly #finish = Effect.fnUntraced(function* (
    this: Scan<E>,
    waiting: ReadonlyArray<Fiber.Fiber<Page, E | ScanFailure>>,
  ): Effect.fn.Return<Scanned, E | ScanFailure> {
    const pages: Array<Page> = []
    for (const fiber of waiting) pages.push(yield* Fiber.join(fiber))
    const size = pages.reduce((sum, page) => sum + page.size, 0)
    const count = pages.reduce((sum, page) => sum + page.count, 0)
    const directories = pages.reduce((sum, page) => sum + page.directories, 0)
    const totals = { size, count, directories }
    if (pages.length === 0)
      return { ...totals, digest: emptyManifestDigest, states: undefined, entries: [], held: [] }
    const manifest = pages.map((page) => page.manifest)
    const states = yield* this.#sink.manifest(pages.map((page) => page.states))
    const held = pages.flatMap((page) => page.held)
    // A tree of few entries lies in its event, and needs no manifests.
    if (count <= treeInlineCountMax) {
      const bytes = Buffer.concat(manifest)
      const entries = pages.flatMap((page) => page.entries ?? [])
      return { ...totals, digest: digestOf(bytes), states, entries, held: [...held, bytes] }
    }
    for (const bytes of held) yield* this.#sink.manifest([bytes])
    const digest = yield* this.#sink.manifest(manifest)
    return { ...totals, digest, states, entries: undefined, held: [] }
  })
}

const scanning = <E>(
  root: OpenDirectory,
  wanted: string | undefined,
  sink: ScanSink<E>,
): Effect.Effect<Scanned, E | ScanFailure> =>
  Effect.scoped(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const slots = yield* Semaphore.make(scanFileCountMax)
      const failed = yield* Deferred.make<never, E | ScanFailure>()
      const room = yield* Semaphore.make(scanBytesMax)
      const walked = new Scan(sink, scope, slots, room, failed).walk(
        Effect.succeed(root),
        "",
        wanted,
      )
      const walking = Effect.flatMap(walked, Fiber.join)
      return yield* Effect.raceFirst(Deferred.await(failed), walking)
    }),
  )

/** Scans a directory, which it releases. Fails with the first failure; then nothing goes on. */
export const scan = <E>(
  root: OpenDirectory,
  sink: ScanSink<E>,
): Effect.Effect<Scanned, E | ScanFailure> => scanning(root, undefined, sink)

/** Scans one file of a directory, which it releases, as if nothing else were in it. */
export const scanFile = <E>(
  root: OpenDirectory,
  name: string,
  sink: ScanSink<E>,
): Effect.Effect<Scanned, E | ScanFailure> => scanning(root, name, sink)

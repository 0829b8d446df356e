/**
 * Scanning: a directory becomes the manifests of its content and of its states, directory by
 * directory from the bottom up, while files are taken in side by side.
 *
 * The walk goes on while files are read: what is in flight is bounded, and of a directory only the
 * manifest stays. Whatever changes meanwhile fails the scan. Does not know what becomes of files
 * and manifests: whoever scans takes them.
 */
import { join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import {
  fileReadBytes,
  listingCountMax,
  scanBytesMax,
  scanGroupCountMax,
  scanPageCount,
  treeInlineCountMax,
} from "../limits.js"
import { digestOf } from "../model/digest.js"
import { compareUtf8, emptyManifestDigest } from "../model/tree.js"
import { shownBytes, textOf } from "../model/utf8.js"
import { attemptOn, listAll, type ScanFailure } from "./asked.js"
import { type Entry, entriesOf, type Group, groupsOf } from "./entries.js"
import { drifted, type Found, isUnchanged, sentences } from "./found.js"
import type { Listed } from "./list-work.js"
import { Listing } from "./listing.js"
import { refusedName } from "./names.js"
import type { Below } from "./open-now.js"
import { type OpenDirectory, openBelow } from "./safe-path.js"
import {
  type Entered,
  entered,
  enteredFile,
  enteredLink,
  type Page,
  type Scanned,
  toPage,
} from "./scanned.js"
import type { ScannedFile, ScanSink } from "./sink.js"

type Walking<E> = Fiber.Fiber<Scanned, E | ScanFailure>
type Taking<E> = Fiber.Fiber<ReadonlyArray<Entered>, E | ScanFailure>

/** What the directories of a scan share. */
interface Shared<E> {
  readonly root: OpenDirectory
  readonly sink: ScanSink<E>
  readonly scope: Scope.Scope
  /** One permit for each group of files. */
  readonly slots: Semaphore.Semaphore
  /** One permit for each byte. */
  readonly room: Semaphore.Semaphore
  readonly failed: Deferred.Deferred<never, E | ScanFailure>
}

class Scan<E> {
  readonly #shared: Shared<E>

  constructor(shared: Shared<E>) {
    this.#shared = shared
  }

  /**
   * Walks through directories, one after the other, and all below them. The fiber of each ends when
   * everything there is taken in.
   */
  readonly walk = Effect.fnUntraced(function* (
    this: Scan<E>,
    directories: ReadonlyArray<Listed>,
  ): Effect.fn.Return<ReadonlyArray<Walking<E>>, E | ScanFailure> {
    const listings = yield* listAll(this.#shared.root, directories)
    const walked: Array<Walking<E>> = []
    for (const [at, { path }] of directories.entries())
      walked.push(yield* this.#walk(path, listings[at]))
    return walked
  })

  readonly #walk = Effect.fnUntraced(function* (
    this: Scan<E>,
    path: string,
    listing: Listing | ScanFailure | undefined,
  ): Effect.fn.Return<Walking<E>, E | ScanFailure> {
    if (!(listing instanceof Listing))
      return yield* listing ?? drifted(this.#shown(path), sentences.gone)
    const refusal = this.#shared.sink.refuses(listing.found)
    if (refusal !== undefined) return yield* refusedName(this.#shown(path), refusal)
    const below = { path, ...listing.found }
    const pages: Array<Fiber.Fiber<Page, E | ScanFailure>> = []
    for (let from = 0; from < listing.count; from += scanPageCount) {
      const entries = yield* entriesOf(this.#shared.root.shown, listing, below.path, from)
      const takings = yield* this.#begin(below, entries)
      pages.push(yield* this.#fork(Effect.map(Effect.forEach(takings, Fiber.join), pageOf)))
    }
    return yield* this.#fork(this.#finish(pages))
  })

  #shown(path: string): string {
    return join(this.#shared.root.shown, path)
  }

  /** A failure ends the scan, though nobody waits yet for this part of it. */
  #fork<A>(effect: Effect.Effect<A, E | ScanFailure>) {
    const telling = Effect.tapCause(effect, (cause) =>
      Deferred.failCause(this.#shared.failed, cause),
    )
    // At once: what it holds is let go of by it alone.
    return Effect.forkIn(telling, this.#shared.scope, { startImmediately: true })
  }

  /** Begins with entries of a directory: its files first, which go on while it is walked on. */
  readonly #begin = Effect.fnUntraced(function* (
    this: Scan<E>,
    below: Below,
    entries: ReadonlyArray<Entry>,
  ): Effect.fn.Return<ReadonlyArray<Taking<E>>, E | ScanFailure> {
    const takings: Array<Taking<E>> = []
    const files = entries.filter(({ found }) => found.kind === "file")
    for (const group of groupsOf(files.filter(({ found }) => found.size <= fileReadBytes)))
      takings.push(yield* this.#side(group.bytes, this.#readGroup(below, group)))
    for (const file of files.filter(({ found }) => found.size > fileReadBytes))
      takings.push(yield* this.#side(fileReadBytes, this.#readLarge(below, file)))
    const links = entries.filter(({ found }) => found.kind === "symlink")
    if (links.length > 0)
      takings.push(yield* this.#fork(Effect.forEach(links, (link) => this.#takeLink(link))))
    const directories = entries.filter(({ found }) => found.kind === "directory")
    for (let from = 0; from < directories.length; from += listingCountMax)
      takings.push(...(yield* this.#enter(directories.slice(from, from + listingCountMax))))
    return takings
  })

  /** Directories that are listed in one go. */
  readonly #enter = Effect.fnUntraced(function* (
    this: Scan<E>,
    directories: ReadonlyArray<Entry>,
  ): Effect.fn.Return<ReadonlyArray<Taking<E>>, E | ScanFailure> {
    const listed = directories.map(({ path, found: { device, inode } }) => ({
      path,
      device,
      inode,
    }))
    const walked = yield* this.walk(listed)
    const takings: Array<Taking<E>> = []
    for (const [at, { text, path, found }] of directories.entries()) {
      const walking = walked[at]
      if (walking === undefined) continue
      const done = Effect.map(Fiber.join(walking), (all) => [entered(text, path, found, all)])
      takings.push(yield* this.#fork(done))
    }
    return takings
  })

  /** Beside the walk, when there is room for so many bytes. */
  readonly #side = Effect.fnUntraced(function* (
    this: Scan<E>,
    bytes: number,
    taking: Effect.Effect<ReadonlyArray<Entered>, E | ScanFailure>,
  ) {
    yield* this.#shared.slots.take(1)
    const inRoom = this.#shared.room.withPermits(bytes)(taking)
    return yield* this.#fork(Effect.ensuring(inRoom, this.#shared.slots.release(1)))
  })

  readonly #readGroup = Effect.fnUntraced(function* (
    this: Scan<E>,
    below: Below,
    { files }: Group,
  ): Effect.fn.Return<ReadonlyArray<Entered>, E | ScanFailure> {
    const { root, sink } = this.#shared
    const now = Date.now()
    const named = files.map(({ text: name, found }) => ({ name, found }))
    const taken = yield* sink.files({ root, below, files: named })
    const entries: Array<Entered> = []
    for (const [at, file] of files.entries()) {
      const one = taken[at]
      if (one !== undefined) entries.push(enteredFile(file, one, now))
      yield* sink.taken(file.path, file.found.size)
    }
    return entries
  })

  #readLarge(below: Below, file: Entry): Effect.Effect<ReadonlyArray<Entered>, E | ScanFailure> {
    const shown = this.#shown(file.path)
    const open = async () => {
      const components = below.path === "" ? [] : below.path.split("/")
      const directory = await openBelow(this.#shared.root, components)
      return await directory.file(file.text).finally(() => directory.release())
    }
    return Effect.acquireUseRelease(
      attemptOn(shown, open),
      (opened) => this.#readOpen({ ...opened, path: file.path }, file.found, shown),
      ({ handle }) => Effect.promise(() => handle.close()),
    )
  }

  readonly #readOpen = Effect.fnUntraced(function* (
    this: Scan<E>,
    file: ScannedFile,
    listed: Found,
    shown: string,
  ): Effect.fn.Return<ReadonlyArray<Entered>, E | ScanFailure> {
    if (!isUnchanged(listed, file.found)) return yield* drifted(shown, sentences.changed)
    const now = Date.now()
    const { sink } = this.#shared
    const taken = yield* sink.file(file)
    const after = yield* attemptOn(shown, () => file.handle.stat({ bigint: true }))
    if (after.mtimeNs !== listed.mtime || after.ctimeNs !== listed.ctime)
      return yield* drifted(shown, sentences.changed)
    yield* sink.taken(file.path, file.found.size)
    return [enteredFile(file, taken, now)]
  })

  readonly #takeLink = Effect.fnUntraced(function* (
    this: Scan<E>,
    { path, found, target: bytes = new Uint8Array(0) }: Entry,
  ): Effect.fn.Return<Entered, ScanFailure> {
    const target = textOf(bytes)
    if (target === undefined)
      return yield* refusedName(
        this.#shown(path),
        `points to ${shownBytes(bytes)}, which is not UTF-8`,
      )
    return enteredLink(path, found, bytes, target)
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
    const states = yield* this.#shared.sink.manifest(pages.map((page) => page.states))
    const held = pages.flatMap((page) => page.held)
    // A tree of few entries lies in its event, and needs no manifests.
    if (count <= treeInlineCountMax) {
      const bytes = Buffer.concat(manifest)
      const entries = pages.flatMap((page) => page.entries ?? [])
      return { ...totals, digest: digestOf(bytes), states, entries, held: [...held, bytes] }
    }
    for (const bytes of held) yield* this.#shared.sink.manifest([bytes])
    const digest = yield* this.#shared.sink.manifest(manifest)
    return { ...totals, digest, states, entries: undefined, held: [] }
  })
}

/** All entries of a page, in the order of their names. */
const pageOf = (takings: ReadonlyArray<ReadonlyArray<Entered>>): Page =>
  toPage(takings.flat().sort((a, b) => compareUtf8(a.state.name, b.state.name)))

const scanning = <E>(
  root: OpenDirectory,
  listed: Listed,
  sink: ScanSink<E>,
): Effect.Effect<Scanned, E | ScanFailure> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.addFinalizer(() => Effect.promise(() => root.release()))
      const scope = yield* Effect.scope
      const slots = yield* Semaphore.make(scanGroupCountMax)
      const failed = yield* Deferred.make<never, E | ScanFailure>()
      const room = yield* Semaphore.make(scanBytesMax)
      const walked = new Scan({ root, sink, scope, slots, room, failed }).walk([listed])
      const walking = Effect.flatMap(walked, ([whole]) =>
        whole === undefined ? Effect.die("a directory was not walked through") : Fiber.join(whole),
      )
      return yield* Effect.raceFirst(Deferred.await(failed), walking)
    }),
  )

/** Scans a directory, which it releases. Fails with the first failure; then nothing goes on. */
export const scan = <E>(
  root: OpenDirectory,
  sink: ScanSink<E>,
): Effect.Effect<Scanned, E | ScanFailure> => scanning(root, { path: "" }, sink)

/** Scans one file of a directory, which it releases, as if nothing else were in it. */
export const scanFile = <E>(
  root: OpenDirectory,
  name: string,
  sink: ScanSink<E>,
): Effect.Effect<Scanned, E | ScanFailure> => scanning(root, { path: "", only: name }, sink)

/**
 * Scanning: a directory becomes the manifests of its content and of its states, directory by
 * directory from the bottom up, while files are taken in side by side.
 *
 * The walk goes on while files are read: what is in flight is bounded, and of a directory only the
 * manifest stays. Whatever changes meanwhile fails the scan. Does not know what becomes of files
 * and manifests: whoever scans takes them.
 */
import { join } from "node:path"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import {
  fileReadBytes,
  listingCountMax,
  scanBytesMax,
  scanGroupCountMax,
  scanLongCountMin,
  scanPageCount,
} from "../limits.js"
import { compareUtf8 } from "../model/tree.js"
import { shownBytes, textOf } from "../model/utf8.js"
import { attemptOn, listAll, type ScanFailure } from "./asked.js"
import { type Entry, entriesOf, type Group, groupsOf } from "./entries.js"
import { finish, finishLong, type Pages } from "./finish.js"
import { drifted, type Found, sentences } from "./found.js"
import type { Listed } from "./list-work.js"
import { Listing } from "./listing.js"
import { isUnchanged } from "./look.js"
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
type Paging<E> = Fiber.Fiber<Page, E | ScanFailure>
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
    const { sink } = this.#shared
    if (listing.count > scanLongCountMin) {
      const long: Pages<E | ScanFailure> = yield* Queue.unbounded<Paging<E>, Cause.Done>()
      const whole = yield* this.#fork(finishLong(long, sink))
      yield* this.#page(path, listing, (page) => Queue.offer(long, page))
      yield* Queue.end(long)
      return whole
    }
    const pages: Array<Paging<E>> = []
    yield* this.#page(path, listing, (page) => Effect.sync(() => pages.push(page)))
    return yield* this.#fork(finish(pages, sink))
  })

  /** Walks through the pages of a directory, each of which goes on beside the walk. */
  readonly #page = Effect.fnUntraced(function* (
    this: Scan<E>,
    path: string,
    listing: Listing,
    add: (page: Paging<E>) => Effect.Effect<unknown>,
  ): Effect.fn.Return<void, E | ScanFailure> {
    const below = { path, ...listing.found }
    for (let from = 0; from < listing.count; from += scanPageCount) {
      const entries = yield* entriesOf(this.#shared.root.shown, listing, path, from)
      const takings = yield* this.#begin(below, entries)
      yield* add(yield* this.#fork(Effect.map(Effect.forEach(takings, Fiber.join), pageOf)))
    }
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
    { files }: Group<Entry>,
  ): Effect.fn.Return<ReadonlyArray<Entered>, E | ScanFailure> {
    const { root, sink } = this.#shared
    const now = Date.now()
    const named = files.map(({ text: name, found }) => ({ name, found }))
    const taken = yield* sink.files({ root, below, files: named })
    const entries: Array<Entered> = []
    for (const [at, file] of files.entries()) {
      const one = taken[at]
      if (one !== undefined) entries.push(enteredFile(file, one, now, files.length))
    }
    yield* sink.taken(files)
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
    yield* sink.taken([file])
    return [enteredFile(file, taken, now, 1)]
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

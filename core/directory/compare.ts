/**
 * Comparing a folder with what was registered of it, directory by directory: every entry is judged,
 * and what lies there beside them is extra. A folder that is new counts as one, with all in it.
 */
import { join } from "node:path"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { ContentDrifted } from "../errors.js"
import { comparedCountMax, fileReadBytes } from "../limits.js"
import { splitPath } from "../model/path.js"
import { askOn, attemptOn, failureAt, listAll, type ScanFailure } from "./asked.js"
import { Beside, type Seeing, type Unread } from "./beside.js"
import { groupsOf } from "./entries.js"
import { digestFile } from "./file.js"
import { type Change, modeChange } from "./judge.js"
import { Listing } from "./listing.js"
import { readWork } from "./read-work.js"
import {
  isDirectory,
  type RegisteredContents,
  type RegisteredDirectory,
  type RegisteredFolder,
} from "./registered.js"
import { type OpenDirectory, openBelow } from "./safe-path.js"

export interface Comparing extends Seeing {
  readonly root: OpenDirectory
  /** The one name in the folder that is looked at, where a single file was registered. */
  readonly only?: string
}

/** A directory that is compared: what was in it, or nothing, so that all that is there is extra. */
interface Turn {
  readonly path: string
  readonly registered: RegisteredDirectory | undefined
}

const nothing: RegisteredContents<never> = { next: Effect.succeed([]) }

// Portions of a folder, and files, that are compared side by side.
const sideBySideCount = 4
// Files of a directory that wait to be read.
const unreadCountMax = 256

const isSameLarge = (
  { root }: Comparing,
  { entry: { path, digest } }: Unread,
): Effect.Effect<boolean, ScanFailure> =>
  attemptOn(join(root.shown, path), async () => {
    const { below, name } = splitPath(path)
    const directory = await openBelow(root, below === "" ? [] : below.split("/"))
    const file = await directory.file(name).finally(() => directory.release())
    try {
      return (await digestFile(file, path)).digest === digest
    } finally {
      await file.handle.close()
    }
  })

const changeOf = ({ found, entry }: Unread, isSame: boolean): Change | undefined =>
  isSame ? modeChange(found, entry) : "content"

/** What goes or changes while it is read is gone. */
const compareLarge = (comparing: Comparing, unread: Unread): Effect.Effect<void, ScanFailure> =>
  isSameLarge(comparing, unread).pipe(
    Effect.map((isSame) => changeOf(unread, isSame)),
    Effect.catch((failure) =>
      failure instanceof ContentDrifted ? Effect.succeed("missing" as const) : Effect.fail(failure),
    ),
    Effect.map((change) => comparing.see(unread.entry.path, change)),
  )

/** Small files of one directory, read in one go. What goes or changes meanwhile is gone. */
const compareGroup = (
  { root, see }: Comparing,
  path: string,
  group: ReadonlyArray<Unread>,
): Effect.Effect<void, ScanFailure> => {
  const files = group.map(({ name, found }) => ({ name, found }))
  return Effect.flatMap(askOn(readWork, { root, below: { path }, files }, {}), (results) => {
    for (const [at, unread] of group.entries()) {
      const result = results[at]
      const { path: own, digest } = unread.entry
      if (result === undefined) continue
      if (!("problem" in result)) see(own, changeOf(unread, result.digest === digest))
      else if ("sentence" in result.problem) see(own, "missing")
      else return Effect.fail(failureAt(join(root.shown, own), result.problem))
    }
    return Effect.void
  })
}

/** By their bytes. */
const compareBytes = (
  comparing: Comparing,
  path: string,
  unread: ReadonlyArray<Unread>,
): Effect.Effect<void, ScanFailure> => {
  const isLarge = ({ found }: Unread) => found.size > fileReadBytes
  const groups = groupsOf(unread.filter((one) => !isLarge(one)))
  const all = [
    ...groups.map(({ files }) => compareGroup(comparing, path, files)),
    ...unread.filter(isLarge).map((one) => compareLarge(comparing, one)),
  ]
  return Effect.all(all, { concurrency: sideBySideCount, discard: true })
}

/** What only happens between two steps of others; throws `ScanFailure`. */
const step = <A>(act: () => A): Effect.Effect<A, ScanFailure> =>
  Effect.try({ try: act, catch: (cause) => cause as ScanFailure })

/** Compares a directory; answers with those in it. */
const compareFolder = Effect.fnUntraced(function* <E>(
  comparing: Comparing,
  path: string,
  { next }: RegisteredContents<E>,
  listed: Listing | ScanFailure | undefined,
): Effect.fn.Return<ReadonlyArray<Turn>, E | ScanFailure> {
  const isGone = listed === undefined || listed instanceof ContentDrifted
  if (!isGone && !(listed instanceof Listing)) return yield* listed
  const listing = isGone ? undefined : listed
  const beside = yield* step(() => new Beside(comparing, path, listing))
  const inner: Array<Turn> = []
  let unread: Array<Unread> = []
  const read = () => compareBytes(comparing, path, unread)
  for (let some = yield* next; some.length > 0; some = yield* next) {
    for (const was of some)
      if (isDirectory(was)) inner.push({ path: was.path, registered: was })
      else if (was.kind === "directory") inner.push({ path: was.path, registered: undefined })
    yield* step(() => {
      for (const was of some) {
        const one = beside.meet(was)
        if (one !== undefined) unread.push(one)
      }
    })
    if (unread.length < unreadCountMax) continue
    yield* read()
    unread = []
  }
  yield* step(() => beside.finish())
  yield* read()
  return inner
})

/** What was in each of the directories, in their order. */
const readTurns = <E>(
  folder: RegisteredFolder<E>,
  turns: ReadonlyArray<Turn>,
): Effect.Effect<ReadonlyArray<RegisteredContents<E>>, E> => {
  const registered = turns.flatMap((turn) => turn.registered ?? [])
  return Effect.map(folder.read(registered), (read) => {
    const contents = read.values()
    return turns.map((turn) =>
      turn.registered === undefined ? nothing : (contents.next().value ?? nothing),
    )
  })
}

/** Compares directories; answers with those in them. They are listed while they are read. */
const compareSome = Effect.fnUntraced(function* <E>(
  comparing: Comparing,
  folder: RegisteredFolder<E>,
  turns: ReadonlyArray<Turn>,
): Effect.fn.Return<ReadonlyArray<Turn>, E | ScanFailure> {
  const { root, only } = comparing
  const wanted = only === undefined ? {} : { only }
  const listing = listAll(
    root,
    turns.map(({ path }) => ({ path, ...wanted })),
  )
  const reading = readTurns(folder, turns)
  const [all, listings] = yield* Effect.all([reading, listing], { concurrency: 2 })
  const inner: Array<Turn> = []
  for (const [at, { path }] of turns.entries()) {
    const below = yield* compareFolder(comparing, path, all[at] ?? nothing, listings[at])
    for (const one of below) inner.push(one)
  }
  return inner
})

/** Sees every entry of a registered folder, and what is extra; in no order. */
export const compare = Effect.fnUntraced(function* <E>(
  comparing: Comparing,
  folder: RegisteredFolder<E>,
): Effect.fn.Return<void, E | ScanFailure> {
  // The next one is the last. Those in a directory come before those behind it, so that fewer wait
  // than on a whole level; and all in order, in which their manifests lie near each other.
  const waiting: Array<Turn> = [{ path: folder.root.path, registered: folder.root }]
  while (waiting.length > 0) {
    const some = waiting.splice(-sideBySideCount * comparedCountMax).reverse()
    const inner = yield* Effect.forEach(
      Arr.chunksOf(some, comparedCountMax),
      (portion) => compareSome(comparing, folder, portion),
      { concurrency: sideBySideCount },
    )
    for (const one of inner.flat().reverse()) waiting.push(one)
  }
})

/**
 * Taking in what lies at a path: a folder or a single file, copied or left in place.
 *
 * Copied, each file is a blob; left in place, its digests are kept alone. In both, the manifests of
 * content and of states are blobs, one of each for every folder.
 */
import { extname, isAbsolute } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import { attemptOn, readAll, type ScanFailure } from "../directory/asked.js"
import { digestFile, partsOf } from "../directory/file.js"
import { drifted, type Found } from "../directory/found.js"
import { type Measured, measure } from "../directory/measure.js"
import { findRoots, type Linked, linkOf, openLink, type Roots } from "../directory/roots.js"
import { openDirectory } from "../directory/safe-path.js"
import { scan, scanFile } from "../directory/scan.js"
import type { Scanned } from "../directory/scanned.js"
import type { ScannedFile, ScanSink } from "../directory/sink.js"
import type { Failure, Refusal } from "../errors.js"
import {
  extensionCountMax,
  nameBytesMax,
  shownNameLengthMax,
  treeEntryCountMax,
} from "../limits.js"
import type { Content, Link } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { checkCount, directoryPath, members, refuse, text } from "../model/input.js"
import { encodeMetadata, type PlainMetadata, storageSize } from "../model/metadata.js"
import { makeTree } from "../model/tree.js"
import type { SaveOptions } from "./call-options.js"
import { CopiedFiles, takenOf } from "./copied-files.js"
import { calling } from "./foreign.js"
import type { Stored, TakenIn } from "./intake.js"
import { PutManifests } from "./put-manifests.js"

/** What reads path-typed versions: no materializer turns them into values. */
export const pathMaterializer = "path@1"

export type RegisterMode = "link" | "copy"

type Progress = SaveOptions["onProgress"]

/** Where a ledger lies, and what the paths of its callers are confined to. */
export interface PathBounds {
  readonly roots: Roots
  /** Of the directory of the ledger itself, where it has one. */
  readonly own: Pick<Found, "device" | "inode"> | undefined
}

/** Throws `InvalidInput` for what are no names with directories. */
export const checkRoots = (roots: unknown): void => {
  if (roots === undefined) return
  if (typeof roots !== "object" || roots === null || Array.isArray(roots))
    refuse("options.roots", "is not { name: directory }")
  for (const [name, directory] of Object.entries(members(roots))) {
    text(name, "options.roots", nameBytesMax)
    directoryPath(directory, `options.roots.${name.slice(0, shownNameLengthMax)}`, "of the root")
  }
}

/** Fails with `InvalidInput` for a root that is not there. */
export const findBounds = (
  directory: string,
  roots: Readonly<Record<string, string>> | undefined,
): Effect.Effect<PathBounds, ScanFailure> =>
  attemptOn(directory, async () => ({
    roots: roots === undefined ? undefined : await findRoots(roots),
    own: await identityOf(directory),
  }))

/** Undefined for a ledger that lies in no directory. */
const identityOf = async (directory: string): Promise<PathBounds["own"]> => {
  if (!isAbsolute(directory)) return undefined
  const opened = await openDirectory(directory).catch(() => undefined)
  await opened?.release()
  return opened?.found
}

const putParts = (blobs: BlobStoreShape, file: ScannedFile) => {
  const parts = partsOf(file, file.path)
  const source = Stream.fromAsyncIterable(parts, (cause) => cause as ScanFailure)
  return blobs.put<ScanFailure>(source)
}

/** What is counted of a folder while it is taken in. */
export class Counted {
  readonly #extensions = new Map<string, number>()
  files = 0

  see(path: string): void {
    this.files += 1
    const extension = extname(path)
    if (extension !== "" && (this.#extensions.has(extension) || !this.isFull))
      this.#extensions.set(extension, (this.#extensions.get(extension) ?? 0) + 1)
  }

  get isFull(): boolean {
    return this.#extensions.size >= extensionCountMax
  }

  /** It never fails a save: what is too long for metadata is left out. */
  metadata({ size, directories }: Pick<Scanned, "size" | "directories">): PlainMetadata {
    const extensions = Object.fromEntries(
      [...this.#extensions].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)),
    )
    const sure = { files: this.files, storage_size: storageSize(size) }
    try {
      return encodeMetadata({ directories, extensions, ...sure }, "metadata")
    } catch {
      return encodeMetadata(sure, "metadata")
    }
  }
}

interface Taking {
  /** Where somebody is told how far it has come. */
  readonly total: Measured | undefined
  readonly blobs: BlobStoreShape
  readonly manifests: PutManifests
  readonly mode: RegisterMode
  readonly own: PathBounds["own"]
  readonly counted: Counted
  readonly onProgress: Progress
}

const sinkOf = ({
  total,
  blobs,
  manifests,
  mode,
  own,
  counted,
  onProgress,
}: Taking): ScanSink<Failure | Refusal> => {
  let done = 0
  const takenOne = (path: string, size: number) => {
    counted.see(path)
    done += size
    if (total === undefined) return
    // A folder may have grown since it was measured.
    const files = { done: counted.files, total: Math.max(counted.files, total.files) }
    onProgress?.({ done, total: Math.max(done, total.bytes), files })
  }
  const copied = new CopiedFiles(blobs)
  return {
    files: mode === "copy" ? (reading) => copied.take(reading) : readAll,
    file: (file) =>
      mode === "copy"
        ? Effect.map(putParts(blobs, file), takenOf)
        : attemptOn(file.path, () => digestFile(file, file.path)),
    taken: (files) =>
      calling(() => {
        for (const { path, found } of files) takenOne(path, found.size)
      }),
    manifest: (parts) => manifests.put(parts),
    longManifest: (parts) => Effect.map(blobs.put(parts), ({ digest }) => digest),
    refuses: ({ device, inode }) =>
      own?.device === device && own.inode === inode
        ? "is the directory of this ledger, which changes while it is read"
        : undefined,
  }
}

const contentOf = ({ digest, size, count, entries }: Scanned, link: Link | undefined): Content => {
  checkCount("treeEntryCountMax", treeEntryCountMax, count)
  return {
    count,
    digest,
    ...(entries === undefined ? {} : { entries: makeTree(entries) }),
    ...(link === undefined ? {} : { link }),
    size,
  }
}

/** How much there is, where somebody wants to know: it takes a look at every file. */
const measured = ({ directory, name }: Linked, onProgress: Progress) =>
  onProgress === undefined ? Effect.succeed(undefined) : measure(directory, name)

/** A folder is scanned whole; a single file is a folder of one. */
const scanned = ({ directory, name }: Linked, sink: ScanSink<Failure | Refusal>) =>
  Effect.suspend(() =>
    name === undefined ? scan(directory.share(), sink) : scanFile(directory.share(), name, sink),
  )

/** Looked at once, to tell a folder from a file: opening says what became of it meanwhile. */
const located = async (bounds: PathBounds, given: string): Promise<Link> => {
  const link = await linkOf(bounds.roots, given)
  const asFile = { ...link, file: true as const }
  if (link.path === "." || link.path === "/") return link
  const { directory, name = "" } = await openLink(bounds.roots, asFile)
  try {
    const found = await directory.look(name)
    if (found === undefined) throw drifted(given, "is gone by now")
    return found.kind === "directory" ? link : asFile
  } finally {
    await directory.release()
  }
}

/** Takes in what lies at a path of the caller's, when it is stored. */
export const takePathIn = (
  bounds: PathBounds,
  given: string,
  mode: RegisterMode,
): Effect.Effect<TakenIn, Refusal | Failure> =>
  Effect.map(
    attemptOn(given, () => located(bounds, given)),
    (link) => {
      const known = { materializer: pathMaterializer, type: "data" as const }
      const store = (blobs: BlobStoreShape, onProgress?: Progress) => {
        const counted = new Counted()
        const manifests = new PutManifests(blobs)
        const taking = { blobs, manifests, mode, own: bounds.own, counted, onProgress }
        const take = (linked: Linked) =>
          Effect.flatMap(measured(linked, onProgress), (total) =>
            Effect.tap(scanned(linked, sinkOf({ ...taking, total })), manifests.finish),
          )
        return Effect.acquireUseRelease(
          attemptOn(given, () => openLink(bounds.roots, link)),
          take,
          ({ directory }) => Effect.promise(() => directory.release()),
        ).pipe(
          Effect.map((all): Stored => {
            const states: { readonly states?: Digest } =
              all.states === undefined ? {} : { states: all.states }
            const content = contentOf(all, mode === "link" ? link : undefined)
            return { ...known, content, ...states, automatic: counted.metadata(all) }
          }),
        )
      }
      return { ...known, store }
    },
  )

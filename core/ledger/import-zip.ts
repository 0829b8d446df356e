/**
 * Importing a zip archive of anybody's: its members become blobs, the blobs a Tree, the Tree one
 * version, by the way of any save.
 *
 * The whole archive is looked at before anything of it is stored; what is stored of one whose
 * content then proves wrong is named by nothing, and can be swept.
 */
import * as Effect from "effect/Effect"
import type { BlobStoreShape } from "../blob/blob-store.js"
import type { Failure, Refusal } from "../errors.js"
import {
  heldIntakeCountMax,
  intakeCountMax,
  treeEntryCountMax,
  zipRecordsBytesMax,
} from "../limits.js"
import type { ArtifactVersion, Path } from "../model/artifact.js"
import { digestOf } from "../model/digest.js"
import { checkOptions, readable, refuse } from "../model/input.js"
import {
  compareUtf8,
  emptyManifestDigest,
  makeTree,
  type Tree,
  type TreeEntry,
} from "../model/tree.js"
import { parsedInput } from "../query/input.js"
import type { ArchiveBytes } from "../zip/archive-bytes.js"
import { defaultCaps, type ZipCaps } from "../zip/caps.js"
import {
  heldContent,
  isHeld,
  linkTarget,
  type Member,
  readZip,
  streamedContent,
} from "../zip/import.js"
import { checked } from "../zip/refused.js"
import { type ArchiveSource, openSource, parseSource, type SourceBounds } from "./archive-source.js"
import type { ImportZipOptions, SaveOptions, ZipGiven } from "./call-options.js"
import { type Engine, presentMoment } from "./engine.js"
import { type Stored, sideBySide, storeTree, type TakenIn } from "./intake.js"
import { Counted, pathMaterializer } from "./path-intake.js"
import { putSource, type Tell, telling } from "./progress.js"
import { parseSave, saveKeys } from "./save-options.js"
import { saveTaken } from "./saving.js"
import type { Session } from "./submit.js"

const importKeys = [...saveKeys.filter((key) => key !== "materializer"), "name", "limits"] as const

const capKeys = ["bytesMax", "entryCountMax", "ratioMax"] as const

const cap = (key: keyof ZipCaps, value: unknown): number => {
  if (value === undefined) return defaultCaps[key]
  const at = `options.limits.${key}`
  if (key === "ratioMax")
    return typeof value === "number" && value >= 1 ? value : refuse(at, "is not 1 or more")
  if (!Number.isSafeInteger(value) || Number(value) < 0) return refuse(at, "is no whole number")
  return key === "entryCountMax" ? Math.min(Number(value), treeEntryCountMax) : Number(value)
}

const parseLimits = (given: unknown): ZipCaps => {
  if (given === undefined) return defaultCaps
  const limits = readable("options.limits", () => ({ ...Object(given) }) as Partial<ZipCaps>)
  if (typeof given !== "object" || given === null)
    return refuse("options.limits", "is not an object")
  for (const key of Object.keys(limits))
    if (!capKeys.some((known) => known === key))
      refuse(`options.limits.${key.slice(0, 64)}`, `is not known: ${capKeys.join(", ")}`)
  return {
    bytesMax: cap("bytesMax", limits.bytesMax),
    entryCountMax: cap("entryCountMax", limits.entryCountMax),
    ratioMax: cap("ratioMax", limits.ratioMax),
  }
}

type Problem = Refusal | Failure

interface Taking {
  readonly blobs: BlobStoreShape
  readonly bytes: ArchiveBytes<Problem>
  readonly tell: Tell | undefined
}

const storeFile = (
  { blobs, bytes, tell }: Taking,
  member: Member,
): Effect.Effect<TreeEntry, Problem> => {
  const { path, executable } = member
  const put = isHeld(member)
    ? Effect.flatMap(heldContent(bytes, member), (content) => putSource(blobs, content, tell))
    : putSource(blobs, streamedContent(bytes, member), tell)
  // Members in the order in which they are packed: nothing has to be sorted.
  return Effect.map(put, ({ digest, size }) => ({
    digest,
    ...(executable ? { executable } : {}),
    kind: "file",
    path,
    size,
  }))
}

const storeMember = (taking: Taking, member: Member): Effect.Effect<TreeEntry, Problem> => {
  const { kind, path } = member
  if (kind === "file") return storeFile(taking, member)
  return Effect.flatMap(heldContent(taking.bytes, member), (content) =>
    checked((): TreeEntry => {
      if (kind === "directory") return { digest: emptyManifestDigest, kind, path, size: 0 }
      const target = linkTarget(member, content)
      return { digest: digestOf(content), kind, path, size: content.length, target }
    }),
  )
}

/** Other entries imply the directories that they lie in. */
const withoutImplied = (members: ReadonlyArray<Member>): ReadonlyArray<Member> => {
  const nameOf = ({ kind, path }: Member): string => (kind === "directory" ? `${path}/` : path)
  const sorted = [...members].sort((a, b) => compareUtf8(nameOf(a), nameOf(b)))
  const implied = new Set(
    sorted.filter((member, index) => {
      const next = sorted[index + 1]
      return (
        member.kind === "directory" && next !== undefined && next.path.startsWith(nameOf(member))
      )
    }),
  )
  return members.filter((member) => !implied.has(member))
}

/** Directories of a tree, those among them that its entries imply. */
const directoryCount = (tree: Tree): number => {
  let count = 0
  let before: ReadonlyArray<string> = []
  // Sorted by their paths, the entries below one directory follow each other.
  for (const { path, kind } of tree) {
    const components = path.split("/")
    const directories = kind === "directory" ? components : components.slice(0, -1)
    const differs = directories.findIndex((component, at) => component !== before[at])
    if (differs >= 0) count += directories.length - differs
    before = directories
  }
  return count
}

const storeZip = Effect.fnUntraced(function* (
  blobs: BlobStoreShape,
  bytes: ArchiveBytes<Problem>,
  caps: ZipCaps,
  onProgress: SaveOptions["onProgress"],
): Effect.fn.Return<Stored, Problem> {
  const members = yield* readZip(bytes, caps)
  const tell = telling(
    members.map(({ kind, size }) => (kind === "file" ? size : 0)),
    onProgress,
  )
  const taking: Taking = { blobs, bytes, tell }
  const store = (member: Member) => storeMember(taking, member)
  const small = members.filter(isHeld)
  const large = members.filter((member) => !isHeld(member))
  const entries = [
    ...(yield* sideBySide(small, store, heldIntakeCountMax)),
    ...(yield* sideBySide(large, store, intakeCountMax)),
  ]
  const kept = new Set(withoutImplied(members).map(({ path }) => path))
  const tree = makeTree(entries.filter(({ path }) => kept.has(path)))
  const content = yield* storeTree(blobs, tree)
  const counted = new Counted()
  for (const { path, kind } of tree) if (kind === "file") counted.see(path)
  const automatic = counted.metadata({ size: content.size, directories: directoryCount(tree) })
  return { materializer: pathMaterializer, type: "data", content, automatic }
})

const parseCall = (source: ZipGiven, options: ImportZipOptions) => {
  checkOptions(options, importKeys)
  const { name, limits, ...saved } = options
  return { plan: parseSave(name, saved), caps: parseLimits(limits), source: parseSource(source) }
}

const sourceBounds = ({ bounds, place }: Engine, { bytesMax }: ZipCaps): SourceBounds => ({
  roots: bounds.roots,
  tmp: place.tmp,
  sizeMax: bytesMax + zipRecordsBytesMax,
})

/** A source that is taken in when it is stored. */
const takenFrom = ({ engine }: Session, source: ArchiveSource, caps: ZipCaps): TakenIn => ({
  materializer: pathMaterializer,
  type: "data",
  store: (blobs, onProgress) =>
    Effect.scoped(
      Effect.flatMap(openSource(source, sourceBounds(engine, caps)), (bytes) =>
        storeZip(blobs, bytes, caps, onProgress),
      ),
    ),
})

export const importZip = (session: Session) =>
  Effect.fn("Ledger.importZip")(function* (given: ZipGiven, options: ImportZipOptions) {
    yield* presentMoment(session.engine)
    const { plan, source, caps } = yield* parsedInput(() => parseCall(given, options))
    const taken = takenFrom(session, source, caps)
    return (yield* saveTaken(session, plan, taken, options)) as ArtifactVersion<Path>
  })

/**
 * Content that was left in place, as content of the store is read: one opener for both.
 */
import * as Effect from "effect/Effect"
import { attemptOn } from "../directory/asked.js"
import { type Drifted, findDrift } from "../directory/drift.js"
import { type Check, changedEntry, type LinkedEntry } from "../directory/judge.js"
import { type LinkedFile, LinkedFiles } from "../directory/linked.js"
import { eachRegistered, handingOut, type RegisteredFolder } from "../directory/registered.js"
import * as Roots from "../directory/roots.js"
import type { Failure, Refusal } from "../errors.js"
import { manifestCountMax } from "../limits.js"
import type { ArtifactVersion, Link } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { refuse } from "../model/input.js"
import { compareUtf8 } from "../model/tree.js"
import { blobsOf, type ContentSource, type Opened } from "./content.js"
import type { Engine } from "./engine.js"
import { keptFolder } from "./linked-tree.js"
import { treeOf } from "./manifests.js"

/** What it takes to read content wherever it lies. */
export type AnySource = ContentSource & Pick<Engine, "bounds">

/** Throws `InvalidInput`. */
export const parseCheck = (check: unknown): Check => {
  if (check === undefined) return "stat"
  return check === "stat" || check === "hash" || check === "none"
    ? check
    : refuse("options.check", 'is none of "stat", "hash" and "none"')
}

/** How what was left in place is compared. */
interface Compared {
  readonly check: "stat" | "hash"
  /** Whether what came later is looked at too. */
  readonly isWhole: boolean
}

/** Compares a folder or a file with what was registered of it. */
const compare = (
  { bounds: { roots } }: AnySource,
  link: Link,
  registered: RegisteredFolder<Refusal | Failure>,
  { check, isWhole }: Compared,
): Effect.Effect<Drifted, Refusal | Failure> =>
  Effect.acquireUseRelease(
    Effect.suspend(() => attemptOn(Roots.pathOf(roots, link), () => Roots.openLink(roots, link))),
    ({ directory: root, name }) => {
      const only = name === undefined ? {} : { only: name }
      return findDrift({ root, check, isWhole: isWhole && name === undefined, ...only }, registered)
    },
    ({ directory }) => Effect.promise(() => directory.release()),
  )

/** Compares what was left in place, with what came later, with what was registered. */
export const compareLink = (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
  check: "stat" | "hash",
): Effect.Effect<Drifted, Refusal | Failure> =>
  Effect.flatMap(keptFolder(blobsOf(source, version), version.content), (registered) =>
    compare(source, link, registered, { check, isWhole: true }),
  )

/**
 * Hands out every entry of what was left in place, in no order. Fails with `ContentDrifted` for the
 * first one that is not what was registered.
 */
export const eachLinked = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
  { check, take }: { readonly check: Check; readonly take: (entry: LinkedEntry) => void },
): Effect.fn.Return<void, Refusal | Failure> {
  const registered = yield* keptFolder(blobsOf(source, version), version.content)
  if (check === "none") return yield* eachRegistered(registered, manifestCountMax, take)
  const told = handingOut(registered, take)
  const { entries } = yield* compare(source, link, told, { check, isWhole: false })
  const [first] = entries
  if (first !== undefined && first.change !== "extra")
    return yield* changedEntry(first.path, first.change)
})

/** The files of what was left in place, wherever that is. */
export const filesOf = ({ bounds: { roots } }: AnySource, link: Link): LinkedFiles =>
  new LinkedFiles(
    Roots.pathOf(roots, link),
    async () => (await Roots.openLink(roots, link)).directory,
  )

const linkedFile = ({ path, size, digest, state }: LinkedEntry): LinkedFile => ({
  path,
  size,
  digest,
  pieces: state?.pieces,
})

/** Opens the content of a version; of what was left in place, judges all of it. */
export const openContent = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  check: Check,
): Effect.fn.Return<Opened, Refusal | Failure> {
  const { link } = version.content
  const blobs = blobsOf(source, version)
  if (link === undefined) return { tree: yield* treeOf(blobs, version), read: blobs.read }
  const tree: Array<LinkedEntry> = []
  const byDigest = new Map<Digest, LinkedEntry>()
  const take = (entry: LinkedEntry): void => {
    tree.push(entry)
    if (entry.kind === "file") byDigest.set(entry.digest, entry)
  }
  yield* eachLinked(source, version, link, { check, take })
  const files = filesOf(source, link)
  const read: Opened["read"] = (digest, range) => {
    const entry = byDigest.get(digest)
    if (entry === undefined) throw new Error(`no file of ${link.path} has the digest ${digest}`)
    return files.read(linkedFile(entry), range)
  }
  return { tree: tree.sort((a, b) => compareUtf8(a.path, b.path)), read }
})

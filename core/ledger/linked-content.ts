/**
 * Content that was left in place, as content of the store is read: one opener for both.
 */
import * as Effect from "effect/Effect"
import { attemptOn } from "../directory/asked.js"
import { type Drifted, findDrift } from "../directory/drift.js"
import { type Check, changedEntry, type LinkedEntry } from "../directory/judge.js"
import { type LinkedFile, LinkedFiles } from "../directory/linked.js"
import * as Roots from "../directory/roots.js"
import type { Failure, Refusal } from "../errors.js"
import type { ArtifactVersion, Link } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { refuse } from "../model/input.js"
import { blobsOf, type ContentSource, type Opened } from "./content.js"
import type { Engine } from "./engine.js"
import { keptFolder, readLinkedTree } from "./linked-tree.js"
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

/** Compares a folder or a file with what was registered of it; `isWhole`: with what came later. */
export const compareLink = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
  { check, isWhole }: { readonly check: "stat" | "hash"; readonly isWhole: boolean },
): Effect.fn.Return<Drifted, Refusal | Failure> {
  const { roots } = source.bounds
  const registered = yield* keptFolder(blobsOf(source, version), version.content)
  return yield* Effect.acquireUseRelease(
    attemptOn(Roots.pathOf(roots, link), () => Roots.openLink(roots, link)),
    ({ directory: root, name }) => {
      const only = name === undefined ? {} : { only: name }
      return findDrift({ root, check, isWhole: isWhole && name === undefined, ...only }, registered)
    },
    ({ directory }) => Effect.promise(() => directory.release()),
  )
})

/** Fails with `ContentDrifted` for the first entry that is not what was registered. */
export const judge = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
  check: Check,
): Effect.fn.Return<void, Refusal | Failure> {
  if (check === "none") return
  const drifted = yield* compareLink(source, version, link, { check, isWhole: false })
  const [first] = drifted.entries
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
  yield* judge(source, version, link, check)
  const tree = yield* readLinkedTree(blobs, version.content)
  const files = filesOf(source, link)
  const byDigest = new Map<Digest, LinkedEntry>()
  for (const entry of tree) if (entry.kind === "file") byDigest.set(entry.digest, entry)
  const read: Opened["read"] = (digest, range) => {
    const entry = byDigest.get(digest)
    if (entry === undefined) throw new Error(`no file of ${link.path} has the digest ${digest}`)
    return files.read(linkedFile(entry), range)
  }
  return { tree, read }
})

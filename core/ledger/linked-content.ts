/**
 * Content that was left in place, as content of the store is read: one opener for both.
 */
import * as Effect from "effect/Effect"
import type { BlobStat } from "../blob/blob-store.js"
import { attemptOn, type ScanFailure } from "../directory/asked.js"
import type { Check } from "../directory/judge.js"
import { LinkedFiles } from "../directory/linked.js"
import type { RegisteredDirectory } from "../directory/registered.js"
import * as Roots from "../directory/roots.js"
import type { Failure, Refusal } from "../errors.js"
import type { ArtifactVersion, Link } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { refuse } from "../model/input.js"
import { type Blobs, blobsOf, type ContentSource, type Opened } from "./content.js"
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

const statOf = (files: LinkedFiles, digest: Digest): BlobStat | undefined => {
  const entry = files.file(digest)
  if (entry === undefined) return undefined
  const { size, state } = entry
  // Sent as it is: what nobody compressed has no other form.
  const stored = { deflatedSize: size, raw: true, storedDigest: digest }
  return { digest, size, crc32: state?.crc32 ?? 0, ...stored }
}

/** A folder or a file that was left in place, as it was registered and where it lies now. */
export const openFolder = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
): Effect.fn.Return<OpenedFolder, Refusal | Failure> {
  const { roots } = source.bounds
  const registered = yield* keptFolder(blobsOf(source, version), version.content)
  const shown = Roots.pathOf(roots, link)
  return { registered, open: attemptOn(shown, () => Roots.openLink(roots, link)) }
})

interface OpenedFolder {
  readonly registered: RegisteredDirectory<Refusal | Failure>
  readonly open: Effect.Effect<Roots.Linked, ScanFailure>
}

/** What was left in place, not judged. */
export const openLink = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  link: Link,
): Effect.fn.Return<OpenedLink, Refusal | Failure> {
  const { roots } = source.bounds
  const blobs = blobsOf(source, version)
  const tree = yield* readLinkedTree(blobs, version.content)
  const open = async () => (await Roots.openLink(roots, link)).directory
  const linked = new LinkedFiles(Roots.pathOf(roots, link), open, tree)
  const opener: Blobs<Refusal | Failure> = {
    stat: (digest) => Effect.succeed(statOf(linked, digest)),
    read: (digest, range) => linked.read(digest, range),
    readInto: (parts) => linked.readInto(parts),
  }
  return { tree, blobs: opener, linked }
})

interface OpenedLink extends Opened {
  readonly linked: LinkedFiles
}

/** Opens the content of a version; of what was left in place, judges all of it. */
export const openContent = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  check: Check,
): Effect.fn.Return<Opened | OpenedLink, Refusal | Failure> {
  const { link } = version.content
  if (link === undefined) {
    const blobs = blobsOf(source, version)
    return { tree: yield* treeOf(blobs, version), blobs }
  }
  const opened = yield* openLink(source, version, link)
  yield* opened.linked.judge(check)
  return opened
})

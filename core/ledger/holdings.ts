/**
 * What a ledger holds on to, and why: its versions, each with how it stands, and the blobs that its
 * content is made of.
 */
import * as Effect from "effect/Effect"
import type { BlobStoreShape, StoredChunk } from "../blob/blob-store.js"
import type { BlobCorrupted, BlobFailure, ViewFailure } from "../errors.js"
import { pageSizeMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import type { Id } from "../model/names.js"
import type { TreeEntry } from "../model/tree.js"
import { type ArtifactRow, artifacts, type Mark } from "../projection/artifacts.js"
import { findArtifact, hiddenSince, type ResolvedVersion } from "../projection/resolve.js"
import { type VersionRow, versions } from "../projection/versions.js"
import type { Moment } from "../query/query.js"
import { blobsOf, type ContentSource } from "./content.js"
import { type Manifests, manifestsIn, readManifest, readStates, statesIn } from "./manifests.js"

/**
 * `surviving`: its content stays. `undo`: it was deleted, and can still be restored. `due`: a sweep
 * gives its content up. `swept`: that has happened.
 */
export type Standing = "surviving" | "undo" | "due" | "swept"

export interface Holding extends ResolvedVersion {
  readonly standing: Standing
  readonly hidden: Mark | undefined
}

/** The version as answers name it. */
export const nameOf = ({ artifact, version }: ResolvedVersion) => ({
  id: version.id as Id,
  name: artifact.name,
  version: version.label,
})

const standingOf = ({ swept }: VersionRow, hidden: Mark | undefined, before: number) => {
  if (swept !== undefined) return "swept"
  if (hidden === undefined) return "surviving"
  return hidden.time < before ? "due" : "undo"
}

/**
 * Visits every version, those of an artifact one after the other. What was deleted before a time,
 * in milliseconds UTC, is due.
 */
export const eachHolding = Effect.fnUntraced(function* <E>(
  { views }: Moment,
  before: number,
  visit: (holding: Holding) => Effect.Effect<void, E>,
): Effect.fn.Return<void, E | ViewFailure> {
  const rows = views.view(versions)
  let artifact: ArtifactRow | undefined
  let after: string | undefined
  do {
    const page = yield* rows.list({ prefix: ["at"], after, countMax: pageSizeMax })
    for (const { value: version } of page.rows) {
      if (artifact?.id !== version.artifactId) {
        const name = views.view(artifacts).get(["id", version.artifactId])
        artifact = name === undefined ? undefined : findArtifact(views, name)
      }
      if (artifact === undefined) throw new Error(`the version ${version.id} has no artifact`)
      const hidden = hiddenSince({ artifact, version })
      const standing = standingOf(version, hidden, before)
      yield* visit({ artifact, version, standing, hidden })
    }
    after = page.resume
  } while (after !== undefined)
})

/** Of entries, the files that are stored: none where they stay where they lie. */
const storedFiles = (
  { link }: VersionRow["content"],
  entries: ReadonlyArray<TreeEntry>,
): ReadonlyArray<Digest> =>
  link === undefined ? entries.flatMap(({ kind, digest }) => (kind === "file" ? [digest] : [])) : []

/** The blobs that a version names itself; manifests name others. */
export const namedBlobs = ({ content }: VersionRow): ReadonlyArray<Digest> => {
  const { digest, entries, states } = content
  const files =
    entries === undefined
      ? [digest as Digest]
      : storedFiles(content, entries as unknown as ReadonlyArray<TreeEntry>)
  return states === undefined ? files : [...files, states as Digest]
}

/**
 * Visits the blobs that a content is made of, manifests among them. What lies below a manifest is
 * passed over where `visit` says false.
 */
export const eachBlob = Effect.fnUntraced(function* <E>(
  blobs: Manifests<E>,
  { content }: VersionRow,
  visit: (digest: Digest) => boolean,
): Effect.fn.Return<void, E | BlobCorrupted> {
  yield* eachStates(blobs, content.states as Digest | undefined, visit)
  if (content.entries !== undefined) {
    const entries = content.entries as unknown as ReadonlyArray<TreeEntry>
    for (const digest of storedFiles(content, entries)) visit(digest)
    return
  }
  const waiting = [content.digest as Digest]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!visit(next)) continue
    const entries = yield* readManifest(blobs, next)
    for (const digest of storedFiles(content, entries)) visit(digest)
    for (const inner of manifestsIn(entries)) waiting.push(inner)
  }
})

/** Visits the states of a folder, those of the folders in it among them. */
const eachStates = Effect.fnUntraced(function* <E>(
  blobs: Manifests<E>,
  root: Digest | undefined,
  visit: (digest: Digest) => boolean,
): Effect.fn.Return<void, E | BlobCorrupted> {
  const waiting = root === undefined ? [] : [root]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!visit(next)) continue
    for (const inner of statesIn(yield* readStates(blobs, next))) waiting.push(inner)
  }
})

/** `eachBlob` of a version in a ledger: what cannot be read is named with it. */
export const eachBlobOf = (
  source: ContentSource,
  resolved: ResolvedVersion,
  visit: (digest: Digest) => boolean,
) => eachBlob(blobsOf(source, nameOf(resolved)), resolved.version, visit)

/** What a blob is made of. Of a damaged recipe nobody knows the chunks: it answers with none. */
export const knownChunks = (
  blobs: Pick<BlobStoreShape, "chunks">,
  digest: Digest,
): Effect.Effect<ReadonlyArray<StoredChunk>, BlobFailure> =>
  Effect.catchTag(blobs.chunks(digest), "BlobCorrupted", () => Effect.succeed([]))

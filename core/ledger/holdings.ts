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
import { emptyManifestDigest, type TreeEntry } from "../model/tree.js"
import { type ArtifactRow, artifacts, type Mark } from "../projection/artifacts.js"
import { findArtifact, hiddenSince, type ResolvedVersion } from "../projection/resolve.js"
import { type VersionRow, versions } from "../projection/versions.js"
import type { Moment } from "../query/query.js"
import { type Blobs, blobsOf, type ContentSource, readManifests } from "./content.js"

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

/** The blobs of an inline tree; undefined where its manifests must be read. */
export const inlineBlobs = ({ content }: VersionRow): ReadonlyArray<Digest> | undefined =>
  (content.entries as ReadonlyArray<TreeEntry> | undefined)?.flatMap(({ kind, digest }) =>
    kind === "file" ? [digest] : [],
  )

/**
 * Visits the blobs that a content is made of, manifests among them. What lies below a manifest is
 * passed over where `visit` says false.
 */
export const eachBlob = Effect.fnUntraced(function* <E>(
  blobs: Pick<Blobs<E>, "stat" | "readInto">,
  version: VersionRow,
  visit: (digest: Digest) => boolean,
): Effect.fn.Return<void, E | BlobCorrupted> {
  const inline = inlineBlobs(version)
  if (inline !== undefined) {
    for (const digest of inline) visit(digest)
    return
  }
  const waiting = [version.content.digest as Digest]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (!visit(next)) continue
    for (const { kind, digest } of yield* readManifests(blobs, [{ digest: next, below: "" }])) {
      if (kind === "file") visit(digest)
      else if (kind === "directory" && digest !== emptyManifestDigest) waiting.push(digest)
    }
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

/**
 * Artifacts and their versions, as answers show them: readonly plain data.
 *
 * An artifact is a name with numbered or labelled versions; a version is one stored value.
 */
import type { Digest } from "./digest.js"
import type { Metadata } from "./metadata.js"
import type { Id } from "./names.js"
import type { Tree } from "./tree.js"

export const artifactTypes = [
  "data",
  "model",
  "service",
  "statistics",
  "schema",
  "data-analysis",
  "base",
] as const

export type ArtifactType = (typeof artifactTypes)[number]

export const saveTypes = ["manual", "step-output", "external", "preexisting"] as const

export type SaveType = (typeof saveTypes)[number]

/** An input of a version: a version it was made from. `as` is its role there, if it was given. */
export interface Input {
  readonly id: Id
  readonly artifactId: Id
  readonly as?: string
}

/** What made a version: a run, a step, a program. Text of the caller's, never interpreted. */
export interface Producer {
  readonly name: string
  readonly run?: string
  readonly step?: string
}

/** What a version contains. `entries` is present when the tree is small enough for the event. */
export interface Content {
  /** Of the root manifest: equal for equal content. */
  readonly digest: Digest
  /** Bytes of all files. */
  readonly size: number
  /** Number of entries. */
  readonly count: number
  readonly entries?: Tree
  /** Of a folder: what was seen of its entries beside their content, its times among it. */
  readonly states?: Digest
  /** Of content that stays where it was registered: where that is. */
  readonly link?: Link
}

/** What a path-typed version is loaded as: where its folder, or its single file, lies. */
export type Path = string & { readonly Path: unique symbol }

/** Where a folder or a file lies that is left in place. */
export type Link = {
  /** The name of the root that `path` is relative to; without one, `path` is absolute. */
  readonly root?: string
  readonly path: string
  /** It is a single file. */
  readonly file?: true
}

declare const valueType: unique symbol

/** What content given as bytes, at once or as a stream, comes back as; anything else as itself. */
export type Loaded<T> = T extends Uint8Array | ArrayBuffer | Blob | AsyncIterable<unknown>
  ? Uint8Array
  : T

/** A hold on a version: when, by whom and why it was placed. */
export interface Hold {
  /** Of the event that placed it. */
  readonly position: number
  readonly time: Date
  readonly actor?: string
  readonly reason?: string
}

/** A version as it was at the moment of the answer. `T` is what `load` gives back. */
export interface ArtifactVersion<T = unknown> {
  readonly id: Id
  readonly artifactId: Id
  readonly name: string
  /** The label: `"7"`, `"raw_2023"`. */
  readonly version: string
  /** The number that the label stands for, if it is a canonical integer. */
  readonly number?: number
  readonly type: ArtifactType
  readonly saveType: SaveType
  /** `name@revision` of the materializer that wrote the files. */
  readonly materializer: string
  readonly description?: string
  readonly digest: Digest
  /** Bytes of all files. */
  readonly size: number
  readonly content: Content
  /** Sorted. */
  readonly tags: ReadonlyArray<string>
  readonly metadata: Metadata
  readonly inputs: ReadonlyArray<Input>
  readonly producer?: Producer
  /** Recorded time of the save, UTC. */
  readonly createdAt: Date
  readonly actor?: string
  /** Of the event that saved it. */
  readonly position: number
  /** Present while it is held: nothing deletes, prunes or sweeps it then. */
  readonly held?: Hold
  /** Never present at run time: carries the type of the value from `save` to `load`. */
  readonly [valueType]?: T
}

export interface Artifact {
  readonly id: Id
  readonly name: string
  /** Tags of the artifact itself; its versions have their own. Sorted. */
  readonly tags: ReadonlyArray<string>
  readonly metadata: Metadata
  /** Surviving versions. */
  readonly versionCount: number
  /** The surviving version saved last: its label and id. Absent when none survives. */
  readonly latest?: { readonly id: Id; readonly version: string }
  readonly createdAt: Date
  readonly updatedAt: Date
  /** Of the event that made it. */
  readonly position: number
}

/**
 * What the operations about the ledger as a whole answer: what it counts, holds, keeps and gives
 * back. Plain data, the same behind both doors.
 */

import type { ContentDamage } from "../blob/blob-store.js"
import type { DriftedEntry } from "../directory/drift.js"
import type { Digest } from "../model/digest.js"
import type { Id } from "../model/names.js"

export interface Stats {
  /** Position of the last event. */
  readonly position: number
  /** Ever made, deleted ones included. */
  readonly artifacts: number
  /** Ever saved, deleted ones included. */
  readonly versions: number
  readonly tags: number
  /** Bytes of all versions ever saved, before anything is shared. */
  readonly logicalBytes: number
  /** Commands that wait in the inbox. */
  readonly waiting: number
  /** By projection: how many events it is behind, and what its fold threw when it stopped. */
  readonly projections: {
    readonly [name: string]: { readonly lag: number; readonly stopped?: string }
  }
}

/** How what was left in place is found. */
export interface Drift {
  /** Whether anything is not what it was, new entries included. */
  readonly drifted: boolean
  /** Entries that are what they were. */
  readonly same: number
  readonly changed: number
  readonly missing: number
  /** Not registered. A new folder counts as one. */
  readonly extra: number
  /** The first of those that are not the same, in the order of their paths; 1,000 at most. */
  readonly entries: ReadonlyArray<DriftedEntry>
  /** In one sentence. */
  readonly text: string
}

/** What was found, and the event that says so. */
export interface ObservedDrift extends Drift {
  readonly position: number
}

/** What a backup holds now, and what of it is new. */
export interface BackupReceipt {
  /** Of its last event. */
  readonly position: number
  /** RFC 6962 root over all its events. */
  readonly root: Digest
  /** Events that were copied. */
  readonly events: number
  /** Bytes of packs that were copied. */
  readonly bytes: number
}

/** What a sweep gave back; on a dry run, what it would. */
export interface Swept {
  readonly dryRun: boolean
  /** Of the last event by then. */
  readonly position: number
  /** Deleted versions whose content is gone with it. */
  readonly versions: number
  /** Deleted versions that can still be restored. */
  readonly waiting: number
  readonly blobs: number
  /** Bytes given back to the disk; on a dry run, stored bytes that nothing else needs. */
  readonly bytes: number
}

/** A version that cannot be loaded as a whole. */
export interface LostVersion {
  readonly kind: "version"
  readonly id: Id
  readonly name: string
  readonly version: string
  /** What of it is missing or damaged: the first that was found. */
  readonly digest: Digest
  /** One sentence. */
  readonly text: string
}

/** Stored bytes that are not what they were, or a version that lacks something. */
export type VerifyFinding = ({ readonly kind: "bytes" } & ContentDamage) | LostVersion

/** What a verification read, and what it found. */
export interface Verified {
  /** Whether nothing was found in what was read. */
  readonly whole: boolean
  /** A thousand at most (`findingCountMax`), and how many more there are. */
  readonly findings: ReadonlyArray<VerifyFinding>
  readonly omitted: number
  /** That were read; versions are looked at when all bytes were read. */
  readonly bytes: number
  readonly versions: number
  /** One sentence. */
  readonly text: string
  /** Where another call goes on; absent when all was read. */
  readonly resume?: string
}

/** A version that content stays for. */
export interface KeptReason {
  /** `undo`: it is deleted, and can be restored `until` then. `hold`: it cannot even be deleted. */
  readonly kind: "version" | "hold" | "undo"
  readonly id: Id
  readonly name: string
  readonly version: string
  readonly until?: Date
}

export interface WhyKept {
  /** Whether there is such a file, or manifest. The digest of a small version is that of none. */
  readonly stored: boolean
  /** Of all such versions; without any, the next sweep takes it. */
  readonly count: number
  /** Ten of them at most (`candidateCountMax`). */
  readonly reasons: ReadonlyArray<KeptReason>
}

/** In bytes: `logical` as files, everything else as it is stored. */
export interface ArtifactUsage {
  readonly name: string
  /** Surviving ones; so are all that the sizes are of, unless they say otherwise. */
  readonly versions: number
  readonly logical: number
  readonly stored: number
  /** Of what is stored: what other artifacts have too. */
  readonly shared: number
  /** What a sweep would give back. */
  readonly reclaimable: number
}

export interface Usage {
  /** Of the last event that it rests on. */
  readonly position: number
  readonly logical: number
  readonly stored: number
  /** What stays for versions alone that are deleted and can be restored. */
  readonly undo: number
  /** What a sweep would give back. */
  readonly reclaimable: number
  readonly artifacts: ReadonlyArray<ArtifactUsage>
}

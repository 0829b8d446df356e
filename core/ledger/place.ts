/**
 * The place of a ledger: what is known about where it lies before any of it is opened, and how it
 * may be used there. Types alone.
 */
import type * as Effect from "effect/Effect"
import type { ContentDamage } from "../blob/blob-store.js"
import type { PackCopied } from "../blob/pack-copy.js"
import type { BlobFailure, LedgerReadOnly, LogFailure } from "../errors.js"
import type { Identity } from "./identity.js"
import type { Layout } from "./layout.js"
import type { WriteSeal } from "./seal.js"
import type { Tip } from "./tip.js"
import type { Damage } from "./trust.js"

/** How a ledger is opened that can only be asked. */
export interface Reading {
  /** What every write is told. */
  readonly refusal: LedgerReadOnly
  /** What was found damaged before the log could be opened at all. */
  readonly damaged: ReadonlyArray<Damage>
  /** Brings log and blobs to what they hold now. */
  readonly renew: Effect.Effect<void, LogFailure | BlobFailure>
}

export interface Place {
  readonly identity: Identity
  /** For messages. */
  readonly directory: string
  /** Where unfinished work may lie, on the disk of the ledger. Absent where it lies on none. */
  readonly tmp?: string
  readonly tip: Tip | undefined
  /** Of the log's files, before they were opened; absent where they have none. */
  readonly generation?: number | undefined
  /** The last event that those files say they hold; less cannot be all of them. */
  readonly end?: number | undefined
  readonly writeSeal: WriteSeal
  /** Brings another ledger directory up to the packs here. Absent where content lies in none. */
  readonly copyPacks?: (to: Layout) => Effect.Effect<PackCopied, BlobFailure>
  /** Runs what gives room back: on a disk that is full, in the room that is kept for that. */
  readonly withReserve?: <A, E>(act: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** What is known to be damaged of content. */
  readonly damagedContent?: ReadonlyArray<ContentDamage>
  /** Sentences: what was put right before the ledger was opened. */
  readonly repaired?: ReadonlyArray<string>
  /** Absent where it may be written. */
  readonly reading?: Reading
}

/**
 * What a recovered ledger says of the one before: the events that were lost, those that could not
 * be taken over, those that are no longer as they were, and the content that is gone.
 */
import * as Schema from "effect/Schema"
import { fromDigest, toDigest } from "../model/digest.js"
import type { Plain } from "../model/msgpack.js"
import { Count, DigestSchema, IdSchema } from "../model/schema.js"

/** Positions in the ledger before. */
const StretchPart = Schema.Struct({ from: Count, to: Count })

const NotePart = Schema.Struct({
  /** In the ledger before. */
  position: Count,
  type: Schema.String,
  /** One sentence. */
  text: Schema.String,
})

const ContentPart = Schema.Struct({
  digest: DigestSchema,
  /** Name and label of the first version that has it. */
  artifact: Schema.String,
  version: Schema.String,
})

export const RecoverySchema = Schema.Struct({
  /** The ledger before. */
  source: IdSchema,
  /** When it was recovered, milliseconds UTC: the event has the time of what follows it. */
  recoveredAt: Count,
  lost: Schema.Array(StretchPart),
  /** Whole, and of no use without what is lost. */
  leftOut: Schema.Array(NotePart),
  /** Taken over, but not quite as they were. */
  altered: Schema.Array(NotePart),
  /** Damaged or missing content of versions that were taken over all the same. */
  contentLost: Schema.Array(ContentPart),
})

export type Recovery = typeof RecoverySchema.Type
export type Note = typeof NotePart.Type
export type LostContent = typeof ContentPart.Type

export const encodeRecovery = ({ contentLost, ...rest }: Recovery): Plain => ({
  ...rest,
  contentLost: contentLost.map(({ digest, ...of }) => ({ ...of, digest: fromDigest(digest) })),
})

export const decodeRecovery = (plain: Plain): Recovery => {
  const { contentLost, ...rest } = plain as unknown as Omit<Recovery, "contentLost"> & {
    readonly contentLost: ReadonlyArray<Omit<LostContent, "digest"> & { readonly digest: Plain }>
  }
  const decoded = contentLost.map(({ digest, ...of }) => ({
    ...of,
    digest: toDigest(digest as Uint8Array),
  }))
  return { ...rest, contentLost: decoded }
}

export const printRecovery = (recovery: Recovery): string => {
  const { source, lost, leftOut, altered, contentLost } = recovery
  const events = lost.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  const all = [
    `events lost: ${events}`,
    `contents lost: ${contentLost.length}`,
    `left out: ${leftOut.length}`,
    `altered: ${altered.length}`,
  ]
  return `recovered the ledger ${source} (${all.join(", ")})`
}

/**
 * A ledger over three stores of one's own: what makes it where there is none yet, and what it keeps
 * beside its stores. Knows none of the stores: any three layers go under it.
 */
import {
  EventLog,
  firstRecord,
  type Identity,
  layerNoDeps,
  newIdentity,
  type Tip,
  type WriteSeal,
} from "daybook/effect"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** Where the identity and the last seal stay; a database keeps them as texts. */
export interface Kept {
  identity?: Identity
  tip?: Tip
}

// #region stores
const openOrMake = Effect.fnUntraced(function* (kept: Kept) {
  const identity = kept.identity ?? newIdentity(Date.now())
  const log = yield* EventLog
  // Only an empty log takes the first record. The identity comes last: with it, this is a ledger.
  if (kept.identity === undefined) yield* log.append(0, [firstRecord(identity, Date.now())])
  kept.identity = identity
  const writeSeal: WriteSeal = (edge) =>
    Effect.sync(() => {
      kept.tip = { ledger: identity.id, edge }
    })
  return layerNoDeps({ identity, directory: "three stores", tip: kept.tip, writeSeal })
})

export const layerOver = (kept: Kept) => Layer.unwrap(openOrMake(kept))
// #endregion

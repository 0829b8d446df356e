/**
 * What becomes of the rows of a digest when frames of it move or go.
 *
 * It is decided by the rows that there are by now, the first one first, and each is told by its
 * place: whoever asks for a move may have seen them in other roles. Knows no database.
 */
import type { Digest } from "../model/digest.js"
import type { FrameKind } from "./frame.js"
import { type Row, type Spot, samePlace } from "./index-row.js"

/** A frame that lies elsewhere now, or nowhere any more. */
export interface Move {
  readonly kind: FrameKind
  readonly digest: Digest
  /** One frame, or every one in packs below a number. */
  readonly from: Spot | { readonly below: number }
  /** Undefined when it is gone. */
  readonly to: Spot | undefined
}

const isMeant = ({ from }: Move, row: Row): boolean =>
  "below" in from ? row.pack < from.below : samePlace(from, row)

/** The rows after the moves: one that no move names stays the same object. */
export const movedRows = (
  rows: ReadonlyArray<Row>,
  moves: ReadonlyArray<Move>,
): ReadonlyArray<Row> =>
  rows.flatMap((row) => {
    const move = moves.find((one) => isMeant(one, row))
    if (move === undefined) return [row]
    return move.to === undefined ? [] : [{ ...row, ...move.to }]
  })

/**
 * Inflating what strangers deflated (RFC 1951), piece by piece: the one place that uses fflate.
 *
 * A piece of `zipInflateBytes` becomes 1,032 times as much at most, and nothing is allocated by
 * what the stream or anybody else says. Knows no zip.
 */
import { Inflate } from "fflate"

const nothing = new Uint8Array(0)

/**
 * fflate tells nobody when a stream has ended: it keeps all that comes behind, and is silent. So
 * its state is looked at: `f` is the flag of the last block, `l` the code of a block that has not
 * ended, `p` the bit to go on at; and outside of it `p` again, the bytes not used up. Bytes behind
 * the end are counted; undefined where there is none yet.
 */
const endOf = (inflate: Inflate): number | undefined => {
  const state: unknown = Reflect.get(inflate, "s")
  const rest: unknown = Reflect.get(inflate, "p")
  if (typeof state !== "object" || state === null || !("p" in state && rest instanceof Uint8Array))
    throw new Error("this fflate keeps its state elsewhere: use the release that was tried")
  const isLast = "f" in state && Boolean(state.f)
  if (!isLast || ("l" in state && Boolean(state.l))) return undefined
  // The first of them is used in part, unless the stream ends with a whole byte.
  return rest.length - (Number(state.p) > 0 ? 1 : 0)
}

/** A deflate stream on its way. */
export class Inflating {
  #made: Uint8Array = nothing
  readonly #inflate = new Inflate((made) => {
    this.#made = made
  })
  /** Bytes behind the end of the stream; undefined while it has not ended. */
  unused: number | undefined

  /** What comes of a piece. Throws for what is no deflate stream, whatever fflate throws then. */
  push(piece: Uint8Array): Uint8Array {
    this.#inflate.push(piece)
    if (piece.length > 0) this.unused = endOf(this.#inflate)
    return this.#made
  }
}

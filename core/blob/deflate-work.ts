/**
 * Work for a thread: the stored forms of some chunks that lie one after the other.
 *
 * Knows nothing of who asks.
 */
import type { Done, Work } from "../thread/work.js"
import { type Stretch, viewsOf } from "./chunk.js"
import { type Form, storedForm } from "./deflate.js"

export interface StoredForms {
  /** Those that were deflated, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly forms: ReadonlyArray<{ readonly form: Form; readonly storedSize: number }>
}

export const answer = (stretch: Stretch): Done<StoredForms> => {
  const forms = viewsOf(stretch).map((raw) => storedForm(raw))
  const deflated = forms.filter(({ form }) => form === "deflate")
  const length = deflated.reduce((sum, { stored }) => sum + stored.length, 0)
  const all = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const { stored } of deflated) {
    all.set(stored, at)
    at += stored.length
  }
  const said = forms.map(({ form, stored }) => ({ form, storedSize: stored.length }))
  return { value: { bytes: all, forms: said }, transfer: [all.buffer] }
}

export const deflateWork: Work<Stretch, StoredForms> = { module: import.meta.url, answer }

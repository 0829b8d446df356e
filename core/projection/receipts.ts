/**
 * Receipts: the request that came with an idempotency key, and the events that answered it.
 */
import { projection } from "./projection.js"

export type ReceiptRow = {
  /** Digest of the request. */
  readonly request: string
  /** Positions of the events that answered it: first and last. */
  readonly first: number
  readonly last: number
}

export type ReceiptTables = {
  /** [idempotency key] */
  readonly key: ReceiptRow
}

export const receipts = projection<ReceiptTables>()({
  name: "receipts",
  revision: 1,
  past: false,
  on: {},
  onEvery: (rows, { idempotencyKey, request, position }) => {
    if (idempotencyKey === undefined || request === undefined) return
    const before = rows.get(["key", idempotencyKey])
    const first = before?.first ?? position
    rows.put(["key", idempotencyKey], { request, first, last: position })
  },
})

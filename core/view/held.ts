/**
 * Changes of views that are in the log but not stored as rows yet: every change of every row with
 * its position, so any moment can be read among them. Knows nothing about how rows are stored.
 */
import { heldBytesMax, heldEventCountMax } from "../limits.js"
import { Draft, type RowChange } from "./draft.js"

/** What came of some events. */
export interface Holding {
  readonly draft: Draft
  /** How far each view has come with them. */
  readonly positions: ReadonlyMap<string, number>
  /** Of the events. */
  readonly count: number
  /** Of their records. */
  readonly bytes: number
}

export class Held implements Holding {
  /** Whoever reads it asks what lies below by himself. */
  readonly draft = new Draft(() => undefined)
  readonly positions = new Map<string, number>()
  count = 0
  bytes = 0

  /** Takes over what came of later events. */
  take({ draft, positions, count, bytes }: Holding): void {
    this.draft.merge(draft)
    for (const [name, position] of positions) this.positions.set(name, position)
    this.count += count
    this.bytes += bytes
  }

  /** The last change of a row up to a position; undefined when there is none here. */
  at(view: string, key: string, position: number): RowChange | undefined {
    const changes = this.draft.changes.get(view)?.get(key)
    return changes?.findLast((change) => change.position <= position)
  }

  /** How many times over it is time to store this. */
  get fullness(): number {
    return Math.floor(Math.max(this.count / heldEventCountMax, this.bytes / heldBytesMax))
  }
}

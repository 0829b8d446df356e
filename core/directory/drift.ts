/**
 * Drift: a folder as it is now beside what was registered of it, counted and listed.
 */
import * as Effect from "effect/Effect"
import { findingCountMax } from "../limits.js"
import { First } from "../model/first.js"
import { compareUtf8 } from "../model/tree.js"
import type { ScanFailure } from "./asked.js"
import type { See } from "./beside.js"
import { type Comparing, compare } from "./compare.js"
import type { Change } from "./judge.js"
import type { RegisteredFolder } from "./registered.js"

/** An entry that is not what it was, or was not there. */
export interface DriftedEntry {
  readonly path: string
  readonly change: Change | "extra"
}

/** What has become of a folder. */
export interface Drifted {
  /** Entries that are what they were. */
  readonly same: number
  /** Entries by what has changed of them. */
  readonly counts: Readonly<Record<DriftedEntry["change"], number>>
  /** Those that have changed, the first ones in the order of their paths. */
  readonly entries: ReadonlyArray<DriftedEntry>
}

class Drifting {
  readonly #counts = { missing: 0, kind: 0, content: 0, mode: 0, extra: 0 }
  readonly #entries = new First<DriftedEntry>(findingCountMax, (a, b) =>
    compareUtf8(a.path, b.path),
  )
  #same = 0

  see(path: string, change: DriftedEntry["change"] | undefined): void {
    if (change === undefined) {
      this.#same += 1
      return
    }
    this.#counts[change] += 1
    this.#entries.add({ path, change })
  }

  finish(): Drifted {
    return { same: this.#same, counts: this.#counts, entries: this.#entries.list() }
  }
}

/** Compares what was registered with what lies there now. */
export const findDrift = <E>(
  comparing: Omit<Comparing, "see">,
  registered: RegisteredFolder<E>,
): Effect.Effect<Drifted, E | ScanFailure> => {
  const drifting = new Drifting()
  const see: See = (path, change) => drifting.see(path, change)
  return Effect.map(compare({ ...comparing, see }, registered), () => drifting.finish())
}

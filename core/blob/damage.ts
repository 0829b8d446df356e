/**
 * What is known to be damaged in packs: which bytes of which file, and which content lay there.
 *
 * A put relies on no frame that lies there, so the same bytes are stored afresh. Touches no file.
 */
import { damagedContentCountMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import type { ContentDamage } from "./blob-store.js"
import { frameHeaderBytes } from "./frame.js"
import type { Place } from "./index-row.js"
import { packName } from "./pack-files.js"

/** Bytes of a pack, half-open. */
export interface Stretch {
  readonly pack: number
  readonly from: number
  readonly to: number
}

/** Bytes of a pack that are no whole frames. */
export interface Finding extends Stretch {
  /**
   * `torn`: a write that never ended. `missing`: the file is gone, or ends before them.
   * `replaced`: another pack has its name.
   */
  readonly state: "torn" | "damaged" | "missing" | "replaced"
  /** Content that is lost with them, or may be, as far as it is known. */
  readonly digests: ReadonlyArray<Digest>
}

export const stretchOf = ({ pack, offset, storedSize }: Place): Stretch => ({
  pack,
  from: offset,
  to: offset + frameHeaderBytes + storedSize,
})

const meets = (one: Stretch, other: Stretch): boolean =>
  one.pack === other.pack && one.from < other.to && other.from < one.to

const contains = (outer: Stretch, inner: Stretch): boolean =>
  outer.pack === inner.pack && outer.from <= inner.from && inner.to <= outer.to

/** What is wrong, as the end of a sentence about content. */
export const wording = ({ pack, from, to, state }: Finding): string => {
  const name = packName(pack)
  if (state === "replaced") return `another pack has the name of ${name}`
  if (state === "missing")
    return from === 0
      ? `${name} is missing`
      : `${name} ends at ${from}, and was written up to ${to}`
  return `${name} is ${state} from ${from} to ${to}`
}

/** As it is told outside. */
export const printDamage = (finding: Finding): ContentDamage => {
  const { pack, from, to, digests } = finding
  return { pack: packName(pack), from, to, digests, text: wording(finding) }
}

const isInForce = ({ state }: Finding): boolean => state === "damaged" || state === "missing"

const united = (findings: ReadonlyArray<Finding>): ReadonlyArray<Digest> =>
  [...new Set(findings.flatMap(({ digests }) => digests))].slice(0, damagedContentCountMax)

export class PackDamage {
  /** Whether this is all that was on record. */
  readonly isComplete: boolean
  #findings: ReadonlyArray<Finding>

  /** What is on record; undefined where that cannot be read. */
  constructor(recorded: ReadonlyArray<Finding> | undefined) {
    this.isComplete = recorded !== undefined
    this.#findings = recorded ?? []
  }

  get isEmpty(): boolean {
    return this.#findings.length === 0
  }

  get findings(): ReadonlyArray<Finding> {
    return this.#findings
  }

  /** Whether a frame lies in damage, or did. */
  covers(place: Place): boolean {
    return this.at(place).length > 0
  }

  /** The damage that a frame lies in. */
  at(place: Place): ReadonlyArray<Finding> {
    const stretch = stretchOf(place)
    return this.#findings.filter((known) => isInForce(known) && meets(known, stretch))
  }

  /** The damage with which a content was lost, where that is known. */
  of(digest: Digest): Finding | undefined {
    return this.#findings.find(({ digests }) => digests.includes(digest))
  }

  /** Whether a finding, or a larger one, is known. */
  knows(finding: Omit<Finding, "digests">): boolean {
    return this.#findings.some((known) => contains(known, finding) && known.state === finding.state)
  }

  /** Whether bytes of a pack are known to be damaged: then nothing is written to it. */
  isIn(pack: number): boolean {
    return this.#findings.some((known) => known.pack === pack && isInForce(known))
  }

  /** True where that was not known before. A torn end is no damage: it was never acknowledged. */
  add(finding: Finding): boolean {
    if (finding.state === "torn") return false
    const isSame = (known: Finding) => isInForce(known) === isInForce(finding)
    const outer = this.#findings.find((known) => isSame(known) && contains(known, finding))
    const inner = this.#findings.filter((known) => isSame(known) && contains(finding, known))
    const digests = united([...inner, ...(outer === undefined ? [] : [outer]), finding])
    if (outer !== undefined && digests.length === outer.digests.length) return false
    const joined = { ...(outer ?? finding), digests }
    const others = this.#findings
      .filter((known) => known !== outer && !inner.includes(known))
      // What was in the file that is another one now can be nowhere else.
      .map(
        (known): Finding =>
          finding.state === "replaced" && known.pack === finding.pack
            ? { ...known, state: "replaced" }
            : known,
      )
    this.#findings = [...others, joined].sort((a, b) => a.pack - b.pack || a.from - b.from)
    return true
  }

  /** Puts others in the place of what is known. */
  change(change: (finding: Finding) => ReadonlyArray<Finding>): void {
    const changed = this.#findings.flatMap(change)
    const isSame =
      changed.length === this.#findings.length &&
      changed.every((finding, at) => finding === this.#findings[at])
    if (!isSame) this.#findings = changed
  }
}

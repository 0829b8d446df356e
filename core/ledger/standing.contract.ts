/**
 * What a naive ledger gives up and what it keeps: how each of its versions stands, what a sweep
 * would take, what content takes on the disk, and why it stays. Content is one short text for each
 * version, stored as it is.
 *
 * Shares no rule with the ledger: no command, fold, query or resolver of it is called here.
 */
import { artifactOf, type Mark, refuse, type State, type Version } from "./state.contract.js"

export const dayMilliseconds = 86_400_000

/** A sweep as it is called. */
export interface Sweeping {
  /** For how many milliseconds a deletion can be undone; a week, where nothing is said. */
  readonly undo?: number
  readonly dryRun?: true
  readonly actor?: string
}

type Standing = "surviving" | "undo" | "due" | "swept"

/** In milliseconds. */
export const undoOf = (undo?: number): number => undo ?? 7 * dayMilliseconds

/** By its own deletion, and only else by that of its artifact. */
const hiddenBy = (state: State, { of, deleted }: Version): Mark | undefined =>
  deleted ?? artifactOf(state, of)?.deleted

const standingOf = (state: State, version: Version, now: number, undo: number): Standing => {
  const hidden = hiddenBy(state, version)
  if (version.swept !== undefined) return "swept"
  if (hidden === undefined) return "surviving"
  return undo === 0 || now - hidden.time > undo ? "due" : "undo"
}

const sizeOf = (text: string): number => Buffer.byteLength(text)

const sum = (texts: Iterable<string>): number =>
  [...texts].reduce((bytes, text) => bytes + sizeOf(text), 0)

/** The versions of a state by how they stand at a time. */
export class Standings {
  readonly #state: State
  readonly #standings: ReadonlyMap<Version, Standing>
  readonly #undo: number

  constructor(state: State, now: number, undo: number) {
    this.#state = state
    this.#undo = undo
    this.#standings = new Map(
      state.versions.map((version) => [version, standingOf(state, version, now, undo)]),
    )
  }

  #those(...standings: ReadonlyArray<Standing>): ReadonlyArray<Version> {
    const { versions } = this.#state
    return versions.filter((version) =>
      standings.includes(this.#standings.get(version) ?? "surviving"),
    )
  }

  #texts(...standings: ReadonlyArray<Standing>): ReadonlySet<string> {
    return new Set(this.#those(...standings).map(({ value }) => value))
  }

  get position(): number {
    return this.#state.position
  }

  /** Content that stays whatever is swept. */
  get needed(): ReadonlySet<string> {
    return this.#texts("surviving", "undo")
  }

  /** Content that nobody has given up. */
  get owned(): ReadonlySet<string> {
    return this.#texts("surviving", "undo", "due")
  }

  /** Of versions as they were, those that are due. */
  among(versions: ReadonlyArray<Version>): ReadonlyArray<Version> {
    const saved = new Set(versions.map((version) => version.saved))
    return this.#those("due").filter((version) => saved.has(version.saved))
  }

  /** What a sweep gives up: of what shares its content with others, nothing. */
  get due(): ReadonlyArray<Version> {
    const { needed } = this
    return this.#those("due").filter(({ value }) => !needed.has(value))
  }

  /** How many versions can still be restored for a while. */
  get waiting(): number {
    return this.#those("undo").length
  }

  /** What of the stored content a sweep removes. */
  removed(stored: ReadonlySet<string>): ReadonlySet<string> {
    const { needed } = this
    return new Set([...stored].filter((text) => !needed.has(text)))
  }

  /**
   * As `usage` answers, of what is stored. Of what artifacts could give back together, each has a
   * part by an order that is not known here.
   */
  usage(stored: ReadonlySet<string>) {
    const surviving = this.#texts("surviving")
    const reclaimable = this.removed(stored)
    const all = this.#those("surviving")
    const artifacts = this.#state.artifacts.flatMap(({ name }) => {
      const own = all.filter(({ of }) => of === name)
      const others = all.filter(({ of }) => of !== name)
      const texts = new Set(own.map(({ value }) => value))
      const shared = [...texts].filter((text) => others.some(({ value }) => value === text))
      const logical = own.reduce((bytes, { value }) => bytes + sizeOf(value), 0)
      const usage = { name, versions: own.length, logical, stored: sum(texts), shared: sum(shared) }
      return own.length === 0 ? [] : [usage]
    })
    return {
      position: this.#state.position,
      logical: artifacts.reduce((bytes, { logical }) => bytes + logical, 0),
      stored: sum(surviving),
      undo: sum([...this.needed].filter((text) => !surviving.has(text))),
      reclaimable: sum(reclaimable),
      // The rest was left by saves that were refused, or by sweeps that were cut short.
      reclaimableOfArtifacts: sum(new Set(this.due.map(({ value }) => value))),
      artifacts,
    }
  }

  /** Every version that a content stays for, as `whyKept` names it. */
  whyKept(text: string): ReadonlyArray<object> {
    const keeping = this.#those("surviving", "undo").filter(({ value }) => value === text)
    return keeping.map((version) => {
      const { saved, of: name, label, held } = version
      const hidden = hiddenBy(this.#state, version)
      const named = { id: `version ${saved}`, name, version: label }
      return hidden === undefined
        ? { kind: held === undefined ? "version" : "hold", ...named }
        : { kind: "undo", ...named, until: new Date(hidden.time + this.#undo) }
    })
  }
}

/** Refuses whoever wants the content of a version that was swept, by the digest of what is gone. */
export const refuseGone = ({ swept }: Version, digest: string): never => {
  if (swept === undefined) throw new Error("it was never swept")
  const { position, time, actor } = swept
  return refuse("ContentGone", {
    digest,
    position,
    time,
    ...(actor === undefined ? {} : { actor }),
  })
}

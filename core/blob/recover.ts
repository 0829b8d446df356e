/**
 * What opening does: brings the index up to the packs, and says where writing goes on.
 *
 * Where packs have lost what is indexed, the rows stay and the loss is named; an index that names
 * what was never promised is rebuilt from all packs. Torn and damaged bytes stay where they are, as
 * evidence, and their pack is not written to again. Changes no pack.
 */
import { BlobFailure } from "../errors.js"
import { type Finding, PackDamage } from "./damage.js"
import type { BlobIndex } from "./index-level.js"
import type { Mark } from "./index-row.js"
import { findLosses, findReplaced, forgetHealed } from "./losses.js"
import { listPacks, type PackFile } from "./pack-files.js"
import type { LastPack } from "./pack-tail.js"
import { Recovery, type Role } from "./recovery.js"

export interface Recovered {
  /** The last pack, if it may be appended to. */
  readonly last: LastPack | undefined
  /** The number of the next pack: of no file, and of none that is known to be lost. */
  readonly nextPack: number
  /** What was not known before. */
  readonly findings: ReadonlyArray<Finding>
}

const isDamaged = (cause: unknown): boolean =>
  cause instanceof BlobFailure && cause.reason === "damaged"

/** Undefined where the index is damaged, and so all that it could say. */
const orDamaged = async <A>(run: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await run()
  } catch (cause) {
    if (isDamaged(cause)) return undefined
    throw cause
  }
}

type Marks = ReadonlyMap<number, Mark>

class Opening {
  readonly #directory: string
  readonly #index: BlobIndex
  readonly #damage: PackDamage
  readonly #role: Role
  #packs: ReadonlyArray<PackFile> = []

  constructor(directory: string, index: BlobIndex, damage: PackDamage, role: Role) {
    this.#directory = directory
    this.#index = index
    this.#damage = damage
    this.#role = role
  }

  async run(): Promise<Recovered> {
    this.#packs = await listPacks(this.#directory)
    const marks = await orDamaged(() => this.#marks())
    const losses = marks && (await orDamaged(() => this.#losses(marks)))
    const isStale = losses === undefined || losses.isStale || !this.#damage.isComplete
    const lost = this.#role === "follower" ? [] : (losses?.findings ?? [])
    const recovered = isStale ? undefined : await orDamaged(() => this.#recover(marks ?? new Map()))
    const replaced = recovered?.replaced ?? []
    if (recovered?.lost === false && replaced.length === 0) return this.#end(recovered, marks, lost)
    const others = (await orDamaged(() => findReplaced(this.#index, replaced))) ?? []
    const gone = lost.filter(({ pack }) => !others.some((other) => other.pack === pack))
    await this.#index.clear()
    return this.#end(await this.#recover(new Map()), marks, [...gone, ...others])
  }

  async #marks(): Promise<Marks> {
    const marks = new Map(await this.#index.marks())
    const healed = await forgetHealed(this.#directory, this.#packs, this.#damage)
    for (const pack of healed) marks.delete(pack)
    return marks
  }

  async #losses(marks: Marks) {
    const losses = await findLosses(this.#index, this.#packs, marks.values(), this.#damage)
    const isMoved = this.#role === "follower" && losses.findings.length > 0
    return isMoved ? { ...losses, isStale: true } : losses
  }

  async #recover(marks: Marks) {
    const recovery = new Recovery(this.#directory, this.#index, this.#role)
    let last: LastPack | undefined
    for (const file of this.#packs) last = await recovery.pack(file, marks.get(file.pack))
    await recovery.finish()
    const { findings, lost, replaced } = recovery
    return { last, findings, lost, replaced }
  }

  #end(
    { last, findings }: Pick<Recovered, "last" | "findings">,
    marks: Marks | undefined,
    lost: ReadonlyArray<Finding>,
  ): Recovered {
    const known = this.#damage.findings
    const numbers = [...this.#packs, ...known, ...(marks?.values() ?? [])].map(({ pack }) => pack)
    const isFit = last !== undefined && !this.#damage.isIn(last.pack)
    return {
      last: isFit ? last : undefined,
      nextPack: numbers.reduce((most, pack) => Math.max(most, pack), 0) + 1,
      findings: [...lost, ...findings],
    }
  }
}

/**
 * Rejects with a failure of the port, or with the disk's own error. From `damage`, which is what is
 * on record, goes what is there no longer; what is found is not added.
 */
export const recover = (
  directory: string,
  index: BlobIndex,
  damage: PackDamage = new PackDamage([]),
  role: Role = "owner",
): Promise<Recovered> => new Opening(directory, index, damage, role).run()

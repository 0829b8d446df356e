/**
 * What happens when damage is noticed in packs that this process owns: the pack is kept as evidence
 * under a second name, nothing is written to it any more, and the damage is put on record.
 *
 * A disk that takes neither does not keep anybody from reading: it is tried again with what is
 * noticed next. Does not know how damage is found.
 */
import { stat } from "node:fs/promises"
import { keepFile } from "../disk/evidence.js"
import { makeDirectory } from "../disk/files.js"
import { BlobFailure } from "../errors.js"
import { hasCode } from "../model/cause.js"
import type { Finding, PackDamage } from "./damage.js"
import { writeDamage } from "./damage-file.js"
import { packHeaderBytes } from "./pack.js"
import { packPath } from "./pack-files.js"

export interface DamageRecordOptions {
  /** Of the store: its packs are in `packs/`. */
  readonly directory: string
  readonly packs: string
  /** Where evidence is kept; nowhere without it. */
  readonly quarantine: string | undefined
  readonly damage: PackDamage
}

/** A finding as it is: bytes of a pack that is gone, or ends before them, are missing. */
export const located = async (packs: string, finding: Finding): Promise<Finding> => {
  const { pack, from, to } = finding
  const size = await stat(packPath(packs, pack)).then(
    (found) => found.size,
    (cause: unknown) => {
      if (hasCode(cause, "ENOENT")) return undefined
      throw cause
    },
  )
  if (size !== undefined && size >= to) return finding
  const isEmpty = size === undefined || size < packHeaderBytes
  return { ...finding, from: isEmpty ? 0 : Math.min(size, from), state: "missing" }
}

export class DamageRecord {
  readonly #options: DamageRecordOptions
  /** Packs whose evidence is kept. */
  readonly #kept = new Set<number>()
  #last: Promise<void> = Promise.resolve()
  #written: ReadonlyArray<Finding> | undefined

  constructor(options: DamageRecordOptions) {
    const { damage } = options
    this.#options = options
    this.#written = damage.isComplete ? damage.findings : undefined
  }

  /**
   * Takes findings on record. `leave` ends the writing of the packs concerned. Never rejects.
   */
  take(findings: ReadonlyArray<Finding>, leave: () => Promise<unknown>): Promise<void> {
    const { damage } = this.#options
    for (const finding of findings) damage.add(finding)
    if (damage.findings === this.#written) return this.#last
    this.#last = this.#put(this.#last, leave)
    return this.#last
  }

  async #put(before: Promise<void>, leave: () => Promise<unknown>): Promise<void> {
    await before
    try {
      await leave()
    } catch (cause) {
      // A writer that is closed has left them already; what may be written yet is not evidence.
      if (!(cause instanceof BlobFailure && cause.reason === "stopped")) return
    }
    try {
      await this.save()
    } catch {
      // Tried again with what is noticed next, and what is known stays known until then.
    }
  }

  /**
   * Keeps the packs that were not known to be damaged, and writes the record. Rejects with the
   * error of the disk.
   */
  async save(): Promise<void> {
    const { directory, damage } = this.#options
    const { findings } = damage
    if (findings === this.#written) return
    const known = new Set(this.#written?.map(({ pack }) => pack))
    for (const { pack, state } of findings)
      if (state !== "replaced" && !known.has(pack)) await this.keep(pack)
    await writeDamage(directory, findings)
    this.#written = findings
  }

  /** Keeps a pack as evidence, once. Of one that is gone there is none. */
  async keep(pack: number): Promise<void> {
    const { packs, quarantine } = this.#options
    if (quarantine === undefined || this.#kept.has(pack)) return
    await makeDirectory(quarantine)
    try {
      await keepFile(packPath(packs, pack), quarantine)
    } catch (cause) {
      if (!hasCode(cause, "ENOENT")) throw cause
    }
    this.#kept.add(pack)
  }

  /** A pack that has the damage of another one, whose evidence is kept, needs none of its own. */
  follow(pack: number): void {
    this.#kept.add(pack)
  }

  /** When nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#last
  }
}

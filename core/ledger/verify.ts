/**
 * Verifying content: all that is stored is read through, then every version is asked for that can
 * be loaded or restored. Says what it did and what it found; changes no answer but by what reads
 * would have found too.
 *
 * In slices: a budget ends it early, and where it ended is where another call goes on.
 */
import * as Effect from "effect/Effect"
import { BlobCorrupted, type DaybookError } from "../errors.js"
import { checkBytesMax, findingCountMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import { DigestTable } from "../model/digest-table.js"
import { checkOptions, refuse } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import type { LostVersion, Verified, VerifyFinding } from "./answers.js"
import type { VerifyOptions } from "./call-options.js"
import { type Engine, presentMoment } from "./engine.js"
import { eachBlobOf, eachHolding, type Holding, nameOf } from "./holdings.js"

/** What a digest is marked with. */
const [whole, broken] = [1, 2]

const isCorrupted = (error: unknown): error is BlobCorrupted => error instanceof BlobCorrupted

class Verification {
  readonly findings: Array<VerifyFinding> = []
  #omitted = 0
  #bytes = 0
  #frames = 0
  #versions = 0
  readonly #engine: Engine
  readonly #known = new DigestTable()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  #found(finding: VerifyFinding): void {
    if (this.findings.length < findingCountMax) this.findings.push(finding)
    else this.#omitted += 1
  }

  /** Reads packs through until the budget is spent; answers where to go on. */
  readonly packs = Effect.fnUntraced(function* (
    this: Verification,
    from: string | undefined,
    budget: number,
  ): Effect.fn.Return<string | undefined, DaybookError> {
    let place = from
    do {
      const bytesMax = Math.min(checkBytesMax, budget - this.#bytes)
      const { bytes, frames, damage, resume } = yield* this.#engine.blobs.check(place, bytesMax)
      this.#bytes += bytes
      this.#frames += frames
      for (const one of damage) this.#found({ kind: "bytes", ...one })
      place = resume
    } while (place !== undefined && this.#bytes < budget)
    return place
  })

  /** The first blob of a version that is not there as a whole. */
  readonly #lacking = Effect.fnUntraced(function* (
    this: Verification,
    holding: Holding,
  ): Effect.fn.Return<Digest | undefined, DaybookError> {
    const known = this.#known
    const blobs: Array<Digest> = []
    const walked = eachBlobOf(this.#engine, holding, (digest) => {
      blobs.push(digest)
      return known.get(digest) === undefined
    })
    // A manifest that cannot be read is named by its digest; what it names, nobody knows.
    const failed = yield* Effect.catchIf(Effect.as(walked, undefined), isCorrupted, (error) =>
      Effect.succeed(error.digest as Digest),
    )
    for (const digest of blobs) {
      if (known.get(digest) === undefined)
        known.set(digest, (yield* this.#isThere(digest)) ? whole : broken)
      if (known.get(digest) === broken) return digest
    }
    return failed
  })

  #isThere(digest: Digest): Effect.Effect<boolean, DaybookError> {
    return Effect.catchIf(this.#engine.blobs.isThere(digest), isCorrupted, () =>
      Effect.succeed(false),
    )
  }

  /** Asks for what every version needs, as far as it survives or can be restored. */
  readonly versions = Effect.fnUntraced(function* (this: Verification) {
    const moment = yield* presentMoment(this.#engine)
    const visit = Effect.fnUntraced(function* (this: Verification, holding: Holding) {
      this.#versions += 1
      const digest = yield* this.#lacking(holding)
      if (digest !== undefined) this.#found(lostVersion(holding, digest))
    })
    yield* eachHolding(moment, Number.NEGATIVE_INFINITY, (holding) =>
      holding.standing === "swept" ? Effect.void : visit.call(this, holding),
    )
  })

  answer(resume: string | undefined): Verified {
    const [bytes, frames, versions] = [this.#bytes, this.#frames, this.#versions]
    const count = this.findings.length + this.#omitted
    const what = `${bytes} bytes of content in ${frames} pieces, and ${versions} versions`
    const found = count === 0 ? "all of it whole" : `${count} findings`
    const more = resume === undefined ? "" : "; not at the end yet: call again with resume"
    return {
      whole: count === 0,
      findings: this.findings,
      omitted: this.#omitted,
      bytes,
      versions,
      text: `read ${what}: ${found}${more}`,
      ...(resume === undefined ? {} : { resume }),
    }
  }
}

const lostVersion = (holding: Holding, digest: Digest): LostVersion => {
  const named = nameOf(holding)
  const what = `version ${named.version} of ${named.name}`
  return {
    kind: "version",
    ...named,
    digest,
    text: `${what} lacks ${digest}: restore it from a backup`,
  }
}

const checkVerify = ({ depth, budget, resume }: VerifyOptions): void => {
  if (depth !== "blobs") refuse("options.depth", 'is not "blobs", the one depth there is')
  if (budget !== undefined && !(typeof budget === "number" && budget > 0))
    refuse("options.budget", "is not a number of bytes above 0")
  if (resume !== undefined && !/^[0-9]+:[0-9]+$/.test(resume))
    refuse("options.resume", "is not where an earlier call ended")
}

export const verify = (engine: Engine) =>
  Effect.fn("Ledger.verify")(function* (options: VerifyOptions) {
    yield* parsedInput(() => {
      checkOptions(options, ["depth", "budget", "resume", "signal"])
      checkVerify(options)
    })
    yield* presentMoment(engine)
    const { budget = Number.POSITIVE_INFINITY, resume } = options
    const verification = new Verification(engine)
    const next = yield* verification.packs(resume, budget)
    if (next === undefined) yield* verification.versions()
    return verification.answer(next)
  })

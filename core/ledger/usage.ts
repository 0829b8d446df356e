/**
 * Usage: what the content of a ledger takes on the disk, by artifact, and what of it a sweep would
 * give back. Found out by going through all of it, each chunk counted once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { DaybookError } from "../errors.js"
import type { Digest } from "../model/digest.js"
import { DigestTable } from "../model/digest-table.js"
import { checkOptions } from "../model/input.js"
import type { ArtifactRow } from "../projection/artifacts.js"
import { parsedInput } from "../query/input.js"
import { checkLimit } from "../query/page.js"
import type { Moment } from "../query/query.js"
import type { ArtifactUsage, Usage } from "./answers.js"
import type { UsageOptions } from "./call-options.js"
import { type Engine, presentMoment } from "./engine.js"
import { eachBlobOf, eachHolding, type Holding, knownChunks, type Standing } from "./holdings.js"
import { undoneBefore } from "./sweep.js"

type Counted = { -readonly [K in keyof ArtifactUsage]: ArtifactUsage[K] }

/** Of a chunk: the ordinal of the artifact that had it first, and this bit if others do too. */
const sharedBit = 2 ** 31

class Tally {
  readonly artifacts = new Map<number, Counted>()
  readonly totals = { logical: 0, stored: 0, undo: 0, reclaimable: 0 }
  readonly #engine: Engine
  readonly #moment: Moment
  readonly #before: number
  readonly #owners = new DigestTable()
  readonly #blobs = new DigestTable()

  constructor(engine: Engine, moment: Moment, before: number) {
    this.#engine = engine
    this.#moment = moment
    this.#before = before
  }

  #of({ ordinal, name }: ArtifactRow): Counted {
    const known = this.artifacts.get(ordinal)
    if (known !== undefined) return known
    const counted = { name, versions: 0, logical: 0, stored: 0, shared: 0, reclaimable: 0 }
    this.artifacts.set(ordinal, counted)
    return counted
  }

  /** Calls `see` with each chunk of the versions that stand so, once for each artifact. */
  readonly #eachChunk = Effect.fnUntraced(function* (
    this: Tally,
    standing: Standing,
    see: (artifact: ArtifactRow, digest: Digest, bytes: number) => void,
  ): Effect.fn.Return<void, DaybookError> {
    let [blobs, chunks] = [new DigestTable(), new DigestTable()]
    let last: string | undefined
    const visit = Effect.fnUntraced(function* (this: Tally, holding: Holding) {
      const { artifact } = holding
      if (artifact.id !== last) [blobs, chunks] = [new DigestTable(), new DigestTable()]
      last = artifact.id
      const fresh: Array<Digest> = []
      yield* eachBlobOf(this.#engine, holding, (digest) => {
        if (!blobs.add(digest)) return false
        this.#blobs.add(digest)
        fresh.push(digest)
        return true
      })
      for (const blob of fresh)
        for (const { digest, storedSize } of yield* knownChunks(this.#engine.blobs, blob))
          if (chunks.add(digest)) see(artifact, digest, storedSize)
    })
    yield* eachHolding(this.#moment, this.#before, (holding) =>
      holding.standing === standing ? visit.call(this, holding) : Effect.void,
    )
  })

  #keep = (artifact: ArtifactRow, digest: Digest, bytes: number): void => {
    const counted = this.#of(artifact)
    counted.stored += bytes
    const entry = this.#owners.get(digest)
    if (entry === undefined) {
      this.#owners.set(digest, artifact.ordinal)
      this.totals.stored += bytes
      return
    }
    counted.shared += bytes
    if (entry >= sharedBit) return
    const owner = this.artifacts.get(entry)
    if (owner !== undefined) owner.shared += bytes
    this.#owners.set(digest, entry + sharedBit)
  }

  /** Whether nobody had the chunk before; somebody has now. */
  #isFirst(digest: Digest): boolean {
    if (this.#owners.has(digest)) return false
    this.#owners.set(digest, sharedBit)
    return true
  }

  /** What stays first, since what it has is nobody else's to give back. */
  readonly run = Effect.fnUntraced(function* (this: Tally): Effect.fn.Return<void, DaybookError> {
    yield* eachHolding(this.#moment, this.#before, ({ artifact, version, standing }) =>
      Effect.sync(() => {
        if (standing !== "surviving") return
        const counted = this.#of(artifact)
        counted.versions += 1
        counted.logical += version.content.size
        this.totals.logical += version.content.size
      }),
    )
    yield* this.#eachChunk("surviving", this.#keep)
    yield* this.#eachChunk("undo", (_, digest, bytes) => {
      if (this.#isFirst(digest)) this.totals.undo += bytes
    })
    yield* this.#eachChunk("due", (artifact, digest, bytes) => {
      if (!this.#isFirst(digest)) return
      this.#of(artifact).reclaimable += bytes
      this.totals.reclaimable += bytes
    })
    yield* Stream.runForEach(this.#engine.blobs.list(), ({ digest }) =>
      this.#blobs.has(digest) ? Effect.void : this.#orphan(digest),
    )
  })

  /** Left by a save that was refused or cut short, or by a sweep that was. */
  readonly #orphan = Effect.fnUntraced(function* (this: Tally, blob: Digest) {
    for (const { digest, storedSize } of yield* knownChunks(this.#engine.blobs, blob))
      if (this.#isFirst(digest)) this.totals.reclaimable += storedSize
  })
}

const most = (a: ArtifactUsage, b: ArtifactUsage): number =>
  b.stored + b.reclaimable - (a.stored + a.reclaimable)

export const usage = (engine: Engine) =>
  Effect.fn("Ledger.usage")(function* (options: UsageOptions = {}) {
    const now = yield* Clock.currentTimeMillis
    const { before, limit } = yield* parsedInput(() => {
      checkOptions(options, ["limit", "undoDays", "signal"])
      const before = undoneBefore(now, options.undoDays)
      return { before, limit: checkLimit("options.limit", options.limit) }
    })
    const moment = yield* presentMoment(engine)
    const tally = new Tally(engine, moment, before)
    yield* tally.run()
    const artifacts = [...tally.artifacts.values()].sort(most).slice(0, limit)
    return { position: moment.position, ...tally.totals, artifacts } satisfies Usage
  })

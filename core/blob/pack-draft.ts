/**
 * A put into packs: what is known already, what is handed to the writer, and what it must wait for.
 *
 * Chunks that it finds or brings are leased, so that no removal takes them before the recipe names
 * them; chunks that another put has handed in are needed, so that it fails with that one. The blob
 * is leased too, where somebody keeps it. Does not know how content is cut.
 */
import * as Effect from "effect/Effect"
import type { BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import { type Claim, type Handed, nameOf, type Unplaced } from "./claim.js"
import type { BlobDraft } from "./draft.js"
import type { Frame, FrameKind } from "./frame.js"
import { type BlobRow, rowOfRecipe } from "./index-row.js"
import type { Keeping } from "./leases.js"
import { believedChunk, type PackStore, recipeInRow } from "./pack-store.js"
import { chunksOf, recipeFrame } from "./recipe.js"
import { blobFailure } from "./rules.js"

const chunkRow = ({ digest, storedSize, storedDigest }: Frame): Unplaced => ({
  kind: "chunk",
  digest,
  storedSize,
  storedDigest,
})

class PackDraft implements BlobDraft {
  readonly #store: PackStore
  readonly #keeping: Keeping | undefined
  readonly #leased: Array<string> = []
  #needs: Array<Claim> = []
  /** Chunks that were looked for in vain and not handed in, with how much was stored until then. */
  readonly #missed = new Map<Digest, number>()
  /** What was handed in last, but for what is durable when it is written. */
  #written: Promise<BlobFailure | undefined> = Promise.resolve(undefined)
  /** Why the index could not be asked. */
  #unread: unknown

  constructor(store: PackStore, keeping: Keeping | undefined) {
    this.#store = store
    this.#keeping = keeping
  }

  readonly blob: BlobDraft["blob"] = (digest) => {
    const stat = this.#knownBlob(digest)
    // In the turn in which it is found: no removal can choose it in between.
    if (stat !== undefined) this.#keep(digest)
    return stat
  }

  readonly chunk: BlobDraft["chunk"] = (digest) => {
    const { going, writer } = this.#store
    const name = nameOf({ kind: "chunk", digest })
    const claim = this.#claimOn("chunk", digest)
    if (claim?.row.kind === "chunk") {
      this.#lease(name)
      return claim.row
    }
    if (going.has(name)) return undefined
    if (this.#missed.get(digest) === writer.storedCount) return undefined
    const row = this.#look(() => believedChunk(this.#store, digest))
    if (row === undefined) {
      this.#missed.set(digest, writer.storedCount)
      return undefined
    }
    this.#lease(name)
    return row
  }

  readonly append: BlobDraft["append"] = (chunks) =>
    Effect.suspend(() => this.#write(this.#handChunks(chunks), false))

  // Not interrupted: what is handed in is written, and the leases must hold until then.
  readonly commit: BlobDraft["commit"] = (chunks, recipes) =>
    Effect.uninterruptible(
      Effect.suspend(() => {
        const handed = this.#handChunks(chunks)
        for (const recipe of recipes) {
          this.#keep(recipe.stat.digest)
          const frame = recipeFrame(recipe)
          const { storedSize } = frame
          this.#hand(handed, frame, { ...rowOfRecipe(recipe), storedSize })
        }
        if (handed.size === 0 && this.#waiting().length === 0) return Effect.void
        return this.#write(handed, true)
      }),
    )

  readonly close: BlobDraft["close"] = () => {
    for (const name of this.#leased) this.#store.leases.release(name)
  }

  #lease(name: string): void {
    this.#store.leases.take(name)
    this.#leased.push(name)
  }

  #keep(digest: Digest): void {
    this.#keeping?.hold(nameOf({ kind: "recipe", digest }))
  }

  #claimOn(kind: FrameKind, digest: Digest): Claim | undefined {
    const claim = this.#store.writer.claimOn({ kind, digest })
    if (claim !== undefined) this.#needs.push(claim)
    return claim
  }

  #handChunks(chunks: ReadonlyArray<Frame>): Map<string, Handed> {
    const handed = new Map<string, Handed>()
    for (const frame of chunks) this.#hand(handed, frame, chunkRow(frame))
    return handed
  }

  /** Adds a frame to what is handed in, unless another put was faster. */
  #hand(handed: Map<string, Handed>, frame: Frame, row: Unplaced): void {
    const name = nameOf(row)
    if (handed.has(name) || this.#isKnown(row)) return
    // Nothing names it yet, and the recipe that will may come much later.
    if (row.kind === "chunk") this.#lease(name)
    this.#missed.delete(row.digest)
    handed.set(name, { claim: { row, state: "waiting" }, frame })
  }

  /** Asked again: another put may have stored a chunk while this one compressed it. */
  #isKnown(row: Unplaced): boolean {
    if (row.kind === "chunk") return this.chunk(row.digest) !== undefined
    if (this.#claimOn(row.kind, row.digest) !== undefined) return true
    if (this.#store.damage.isEmpty) return false
    // Put since its chunks were not known to be whole: they are by now, and it is as it should be.
    return this.#believedBlob(row.digest)?.stat.storedDigest === row.stat.storedDigest
  }

  #knownBlob(digest: Digest): BlobStat | undefined {
    const claim = this.#claimOn("recipe", digest)
    if (claim?.row.kind === "recipe") return claim.row.stat
    const row = this.#believedBlob(digest)
    return row !== undefined && this.#hasItsChunks(row) ? row.stat : undefined
  }

  #believedBlob(digest: Digest): BlobRow | undefined {
    const { index, going, damage } = this.#store
    if (going.has(nameOf({ kind: "recipe", digest }))) return undefined
    const row = this.#look(() => index.blob(digest))
    return row === undefined || row === "damaged" || damage.covers(row) ? undefined : row
  }

  /** Which chunks a long blob has is not known here: with any damage about, they are looked at. */
  #hasItsChunks(row: BlobRow): boolean {
    if (this.#store.damage.isEmpty) return true
    const recipe = recipeInRow(row)
    return (
      recipe !== undefined &&
      chunksOf(recipe, 0, recipe.count).every(
        ({ digest, storedDigest }) =>
          this.#look(() => believedChunk(this.#store, digest))?.storedDigest === storedDigest,
      )
    )
  }

  #waiting(): Array<Claim> {
    this.#needs = this.#needs.filter(({ state }) => state !== "stored")
    return this.#needs
  }

  /** An index that cannot be read knows nothing, and the put fails before it writes. */
  #look<A>(look: () => A): A | undefined {
    try {
      return look()
    } catch (cause) {
      this.#unread = cause
      return undefined
    }
  }

  /**
   * Hands the frames in within the turn that looked at the claims: no other put can intervene.
   * While they are written, the next ones are made; only those before them are waited for.
   */
  #write(all: ReadonlyMap<string, Handed>, durable: boolean): Effect.Effect<void, BlobFailure> {
    const handed = [...all.values()]
    if (this.#unread !== undefined) return Effect.fail(blobFailure("put", this.#unread))
    const written = this.#store.writer.append(handed, [...this.#waiting()], durable)
    for (const { claim } of handed) this.#needs.push(claim)
    const awaited = durable ? written : this.#written
    this.#written = written
    return Effect.flatMap(
      Effect.promise(() => awaited),
      (failure) => (failure === undefined ? Effect.void : Effect.fail(failure)),
    )
  }
}

/** `keeping`: the one that the put is part of. */
export const beginDraft = (store: PackStore, keeping?: Keeping): BlobDraft =>
  new PackDraft(store, keeping)

/**
 * A put into packs, step by step: what it leases, what it waits for, and what a removal in between
 * may not take.
 */
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Digest } from "../model/digest.js"
import { nameOf } from "./claim.js"
import { stretchOf } from "./damage.js"
import type { BlobDraft } from "./draft.js"
import type { Frame } from "./frame.js"
import { beginDraft } from "./pack-draft.js"
import { findRecipe, loadChunks, type PackStore } from "./pack-store.js"
import { frameOf, openParts, recipeOf, temporaryDirectory } from "./packs.contract.js"
import { removeBlobs } from "./removal.js"
import { noise } from "./samples.contract.js"
import { wantedOf } from "./send.js"

const directory = temporaryDirectory()
let store: PackStore & { readonly close: () => Promise<void> }

beforeEach(async () => {
  store = await openParts(directory())
})
afterEach(() => store.close())

const [a, b, c] = [frameOf(noise(2_000, 1)), frameOf(noise(3_000, 2)), frameOf(noise(4_000, 3))]
const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
const remove = (...digests: ReadonlyArray<Digest>) => removeBlobs(store, digests)

const putFrames = async (...frames: ReadonlyArray<Frame>): Promise<Digest> => {
  const draft = beginDraft(store)
  const recipe = recipeOf(frames)
  await run(
    draft.commit(
      frames.filter(({ digest }) => draft.chunk(digest) === undefined),
      [recipe],
    ),
  )
  draft.close()
  return recipe.stat.digest
}

const load = async (digest: Digest): Promise<ReadonlyArray<Digest>> => {
  const recipe = await findRecipe(store, digest)
  const frames = await loadChunks(store)(wantedOf(recipe, 0, recipe.count))
  return frames.map((frame) => frame.digest)
}

describe("what a draft knows", () => {
  it("is what is in the index, leased until it is closed", async () => {
    await putFrames(a, b)
    const [one, two] = [beginDraft(store), beginDraft(store)]
    expect(one.chunk(a.digest)).toMatchObject({ storedSize: 2_000, storedDigest: a.digest })
    expect(two.chunk(a.digest)).toBeDefined()
    expect(two.chunk(c.digest)).toBeUndefined()
    expect(store.leases.size).toBe(1)
    for (const draft of [one, two]) {
      expect(store.leases.has(nameOf(a))).toBe(true)
      draft.close()
    }
    expect(store.leases.size).toBe(0)
  })

  it("is asked again when frames are handed in: another put may have been faster", async () => {
    const [slow, fast] = [beginDraft(store), beginDraft(store)]
    expect(slow.chunk(a.digest)).toBeUndefined()
    await run(fast.commit([a], [recipeOf([a])]))
    await run(slow.append([a]))
    await run(slow.commit([b], [recipeOf([a, b])]))
    const stored: Array<Digest> = []
    await store.index.each((row) => {
      if (typeof row !== "string" && row.kind === "chunk") stored.push(row.digest)
    })
    expect(stored.sort()).toEqual([a.digest, b.digest].sort())
    for (const draft of [slow, fast]) draft.close()
  })

  it("is what another put has handed in", async () => {
    const one = beginDraft(store)
    const appended = run(one.append([a]))
    const two = beginDraft(store)
    one.close()
    expect(store.leases.size).toBe(0)
    expect(two.chunk(a.digest)).toMatchObject({ storedSize: 2_000 })
    // The other one may fail, and its chunk is then nobody's but this one's.
    expect(store.leases.has(nameOf(a))).toBe(true)
    await appended
    const recipe = recipeOf([a, b])
    const committed = run(two.commit([b], [recipe]))
    const three = beginDraft(store)
    expect(three.blob(recipe.stat.digest)).toEqual(recipe.stat)
    await run(three.commit([], []))
    // The third put returned, so the second one's bytes are durable.
    expect(store.index.blob(recipe.stat.digest)).toMatchObject({ stat: recipe.stat })
    await committed
  })

  it("is nothing that is known to be damaged or on its way out", async () => {
    const digest = await putFrames(a, b)
    const single = await putFrames(c)
    const draft: BlobDraft = beginDraft(store)
    expect(draft.blob(digest)).toBeDefined()
    const row = store.index.chunk(a.digest)
    if (row === undefined) throw new Error("the chunk is not in the index")
    store.damage.add({ ...stretchOf(row), state: "damaged", digests: [] })
    expect(draft.chunk(a.digest)).toBeUndefined()
    expect(draft.chunk(b.digest)).toBeDefined()
    expect(draft.blob(digest)).toBeUndefined()
    expect(draft.blob(single)).toBeDefined()
    store.damage.change(() => [])
    expect(draft.blob(digest)).toBeDefined()
    store.going.add(nameOf(b))
    store.going.add(nameOf({ kind: "recipe", digest: single }))
    expect(draft.chunk(b.digest)).toBeUndefined()
    expect(draft.blob(single)).toBeUndefined()
    store.going.clear()
    draft.close()
  })
})

describe("a frame that two puts bring", () => {
  it("is written once, and both rely on it", async () => {
    const [one, two] = [beginDraft(store), beginDraft(store)]
    const recipe = recipeOf([a])
    await Promise.all([run(one.commit([a], [recipe])), run(two.commit([a], [recipe]))])
    expect(await store.index.copies("chunk", a.digest)).toEqual([])
    expect(await store.index.copies("recipe", recipe.stat.digest)).toEqual([])
    expect(await load(recipe.stat.digest)).toEqual([a.digest])
  })

  it("twice in one put is written once", async () => {
    const draft = beginDraft(store)
    const recipe = recipeOf([a, a, b])
    await run(draft.commit([a, a, b], [recipe]))
    expect(await store.index.copies("chunk", a.digest)).toEqual([])
    expect(await load(recipe.stat.digest)).toEqual([a.digest, a.digest, b.digest])
  })
})

describe("a removal beside a put", () => {
  it("leaves the chunk that the put has found", async () => {
    const digest = await putFrames(a, b)
    const draft = beginDraft(store)
    expect(draft.chunk(a.digest)).toBeDefined()
    await remove(digest)
    expect(store.index.chunk(b.digest)).toBeUndefined()
    const recipe = recipeOf([a, c])
    await run(draft.commit([c], [recipe]))
    draft.close()
    expect(await load(recipe.stat.digest)).toEqual([a.digest, c.digest])
    await remove(recipe.stat.digest)
    expect(store.index.chunk(a.digest)).toBeUndefined()
  })

  it("does not take what was put anew while the removal looked", async () => {
    const digest = await putFrames(a, b)
    const { each } = store.index
    let put: Digest | undefined
    vi.spyOn(store.index, "each").mockImplementation(async (see) => {
      await each(see)
      if (store.going.has(nameOf(a))) put ??= await putFrames(a, b)
    })
    await remove(digest)
    expect(put).toBe(digest)
    expect(await load(digest)).toEqual([a.digest, b.digest])
    expect(await store.index.copies("recipe", digest)).toEqual([])
  })

  it("does not take what the put stores anew", async () => {
    const digest = await putFrames(a, b)
    const removal = remove(digest)
    const again = putFrames(a, b)
    await Promise.all([removal, again])
    const row = store.index.blob(digest)
    if (row !== undefined) expect(await load(digest)).toEqual([a.digest, b.digest])
    expect(await load(await putFrames(a, b))).toEqual([a.digest, b.digest])
  })
})

describe("an index that cannot be read", () => {
  it("knows nothing, and the put fails where it would write to it", async () => {
    await putFrames(a)
    await store.index.close()
    const draft = beginDraft(store)
    expect(draft.chunk(a.digest)).toBeUndefined()
    expect(draft.blob(a.digest)).toBeUndefined()
    const failure = await run(Effect.flip(draft.commit([b], [recipeOf([b])])))
    expect(failure).toMatchObject({ _tag: "BlobFailure", outcome: "none" })
  })
})

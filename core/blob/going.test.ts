/**
 * What a removal takes, with somebody coming to rely on it at every step.
 */
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Digest } from "../model/digest.js"
import type { Frame } from "./frame.js"
import { markGoing } from "./going.js"
import type { BlobRow } from "./index-row.js"
import { Keeping } from "./leases.js"
import { beginDraft } from "./pack-draft.js"
import type { PackStore } from "./pack-store.js"
import { frameOf, openParts, recipeOf, temporaryDirectory } from "./packs.contract.js"
import { noise } from "./samples.contract.js"

const directory = temporaryDirectory()
let store: PackStore & { readonly close: () => Promise<void> }

beforeEach(async () => {
  store = await openParts(directory())
})
afterEach(async () => {
  vi.restoreAllMocks()
  await store.close()
})

const [a, b, c] = [frameOf(noise(200, 1)), frameOf(noise(300, 2)), frameOf(noise(400, 3))]

const put = async (...frames: ReadonlyArray<Frame>): Promise<Digest> => {
  const draft = beginDraft(store)
  const recipe = recipeOf(frames)
  const fresh = frames.filter(({ digest }) => draft.chunk(digest) === undefined)
  await Effect.runPromise(draft.commit(fresh, recipe))
  draft.close()
  return recipe.stat.digest
}

const rowOf = (digest: Digest): BlobRow => {
  const row = store.index.blob(digest)
  if (row === undefined || row === "damaged") throw new Error("the blob is not in the index")
  return row
}

const mark = async (...digests: ReadonlyArray<Digest>) => {
  const note = store.leases.note()
  await markGoing(store, digests.map(rowOf), note.names)
  note.end()
}

/** Does something each time the blobs have been gone through: before the chunks are chosen. */
const meanwhile = (act: () => void): void => {
  const { blobs } = store.index
  vi.spyOn(store.index, "blobs").mockImplementation(async function* () {
    yield* blobs()
    act()
  })
}

describe("what goes", () => {
  it("is what was asked for, with the chunks that nothing else uses", async () => {
    const [goes, stays] = [await put(a, b), await put(b, c)]
    await mark(goes)
    expect([...store.going]).toEqual([`recipe${goes}`, `chunk${a.digest}`])
    expect(stays).not.toBe(goes)
  })

  it("is no blob that is kept when it is chosen, and none of its chunks", async () => {
    const [kept, goes] = [await put(a, b), await put(b, c)]
    const keeping = new Keeping(store.leases, undefined)
    expect(beginDraft(store, keeping).blob(kept)).toBeDefined()
    await mark(kept, goes)
    expect([...store.going]).toEqual([`recipe${goes}`, `chunk${c.digest}`])
    store.going.clear()
    keeping.end()
    await mark(kept, goes)
    expect(store.going.size).toBe(5)
  })

  it("is no blob to whoever comes later, who stores it anew", async () => {
    const goes = await put(a)
    const draft = beginDraft(store)
    const choosing = mark(goes)
    expect(draft.blob(goes)).toBeUndefined()
    // The chunks are not chosen yet.
    expect(draft.chunk(a.digest)).toBeDefined()
    draft.close()
    await choosing
    expect([...store.going]).toEqual([`recipe${goes}`])
  })

  it("is no chunk that a put has found, or brought, until then, though it has ended", async () => {
    const goes = await put(a, b, c)
    const before = beginDraft(store)
    expect(before.chunk(a.digest)).toBeDefined()
    meanwhile(() => {
      before.close()
      const draft = beginDraft(store)
      expect(draft.chunk(b.digest)).toBeDefined()
      draft.close()
    })
    await mark(goes)
    expect([...store.going]).toEqual([`recipe${goes}`, `chunk${c.digest}`])
    expect(beginDraft(store).chunk(c.digest)).toBeUndefined()
  })
})

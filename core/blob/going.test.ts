/**
 * What a removal takes, with somebody coming to rely on it at every step.
 */
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Digest } from "../model/digest.js"
import { nameOf } from "./claim.js"
import { type Frame, frameHeaderBytes } from "./frame.js"
import { choose, markChunks } from "./going.js"
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

const many = Array.from({ length: 5 }, (_, at) => frameOf(noise(100 + at, 10 + at)))
const [a, b, c] = [frameOf(noise(200, 1)), frameOf(noise(300, 2)), frameOf(noise(400, 3))]

const put = async (...frames: ReadonlyArray<Frame>): Promise<Digest> => {
  const draft = beginDraft(store)
  const recipe = recipeOf(frames)
  const fresh = frames.filter(({ digest }) => draft.chunk(digest) === undefined)
  await Effect.runPromise(draft.commit(fresh, [recipe]))
  draft.close()
  return recipe.stat.digest
}

const rowOf = (digest: Digest): BlobRow => {
  const row = store.index.blob(digest)
  if (row === undefined || row === "damaged") throw new Error("the blob is not in the index")
  return row
}

/** Chooses, and marks all that may go; answers with the names of what goes then. */
const mark = async (...digests: ReadonlyArray<Digest>) => {
  const note = store.leases.note()
  const rows = digests.map(rowOf)
  const { packs } = await choose(store, { rows, before: 100, relied: note.names })
  for (const { unused } of packs.values()) await markChunks(store, unused, note.names)
  note.end()
  return [...store.going]
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
    expect([...store.going]).toEqual([nameOf({ kind: "recipe", digest: goes }), nameOf(a)])
    expect(stays).not.toBe(goes)
  })

  it("is every chunk that no blob uses, whoever left it", async () => {
    const draft = beginDraft(store)
    await Effect.runPromise(draft.append([a]))
    await put(b)
    // Its put has not ended: the recipe may come yet.
    expect(await mark()).toEqual([])
    draft.close()
    expect(await mark()).toEqual([nameOf(a)])
    store.going.clear()
    const long = await put(...many)
    expect(await mark()).toEqual([nameOf(a)])
    expect(rowOf(long).entries).toBeUndefined()
  })

  it("is no more than the blobs name, where a recipe of others may be lost", async () => {
    const draft = beginDraft(store)
    await Effect.runPromise(draft.append([a]))
    draft.close()
    const goes = await put(b, c)
    store.damage.add({ pack: 50, from: 0, to: 100, state: "missing", digests: [] })
    const names = [nameOf({ kind: "recipe", digest: goes }), nameOf(b), nameOf(c)]
    expect(new Set(await mark(goes))).toEqual(new Set(names))
  })

  it("says how much of each pack that is, copies too", async () => {
    const goes = await put(a, b)
    await store.writer.roll()
    await put(b, c)
    const { offset, pack } = rowOf(goes)
    await store.index.add([{ ...rowOf(goes), pack: pack + 1, offset: offset + 9_000 }], [])
    const relied = new Set<string>()
    const chosen = (before: number) => choose(store, { rows: [rowOf(goes)], before, relied })
    const { packs, blobs, isSound } = await chosen(100)
    expect([blobs.map((blob) => blob.pack), isSound]).toEqual([[pack, pack + 1], true])
    const [recipe, header] = [rowOf(goes).storedSize, frameHeaderBytes]
    const first = { count: 3, stays: 300 + header, goes: 200 + recipe + 2 * header }
    expect(packs.get(pack)).toEqual({ ...first, unused: [a.digest] })
    expect(packs.get(pack + 1)).toMatchObject({ count: 3, goes: recipe + header, unused: [] })
    store.going.clear()
    // What puts may be writing to is not looked at.
    expect([...(await chosen(pack + 1)).packs.keys()]).toEqual([pack])
    expect([...(await chosen(pack)).packs.keys()]).toEqual([])
  })

  it("is nothing where a row is damaged: what it would say is not known", async () => {
    const goes = await put(a)
    const { each } = store.index
    vi.spyOn(store.index, "each").mockImplementation(async (see) => {
      await each(see)
      see(b.digest)
    })
    await expect(mark(goes)).rejects.toMatchObject({ _tag: "BlobCorrupted", digest: b.digest })
  })

  it("is no blob that is kept when it is chosen, and none of its chunks", async () => {
    const [kept, goes] = [await put(a, b), await put(b, c)]
    const keeping = new Keeping(store.leases, undefined)
    expect(beginDraft(store, keeping).blob(kept)).toBeDefined()
    await mark(kept, goes)
    expect([...store.going]).toEqual([nameOf({ kind: "recipe", digest: goes }), nameOf(c)])
    store.going.clear()
    keeping.end()
    await mark(kept, goes)
    expect(store.going.size).toBe(5)
  })

  it("is no blob to whoever comes later, who stores it anew", async () => {
    const goes = await put(a)
    const draft = beginDraft(store)
    const choosing = mark(goes)
    while (store.going.size === 0) await Promise.resolve()
    expect(draft.blob(goes)).toBeUndefined()
    // The chunks are not chosen yet.
    expect(draft.chunk(a.digest)).toBeDefined()
    draft.close()
    await choosing
    expect([...store.going]).toEqual([nameOf({ kind: "recipe", digest: goes })])
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
    expect([...store.going]).toEqual([nameOf({ kind: "recipe", digest: goes }), nameOf(c)])
    expect(beginDraft(store).chunk(c.digest)).toBeUndefined()
  })
})

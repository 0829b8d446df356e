/**
 * Prepared contents on their way in: what is known is not handed in again, and all that is new goes
 * in one commit. The rest are laws of every store.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import { defaultChunking, fastcdc } from "./chunk.js"
import type { BlobDraft, KnownChunk } from "./draft.js"
import type { Frame } from "./frame.js"
import { takeKnown, takePrepared } from "./intake-prepared.js"
import { prepare } from "./prepared.js"
import { prose } from "./samples.contract.js"

const cuts = fastcdc(defaultChunking)
const [one, two] = [prose(900, 1), prose(800, 2)]

interface Given {
  readonly blobs?: ReadonlyMap<Digest, BlobStat>
  readonly chunks?: ReadonlyMap<Digest, KnownChunk>
}

const drafting = ({ blobs = new Map(), chunks = new Map() }: Given) => {
  const commits: Array<readonly [ReadonlyArray<Digest>, ReadonlyArray<Digest>]> = []
  let closedCount = 0
  const digestsOf = (frames: ReadonlyArray<Frame>) => frames.map(({ digest }) => digest)
  const draft: BlobDraft = {
    blob: (digest) => blobs.get(digest),
    chunk: (digest) => chunks.get(digest),
    append: () => Effect.die("nothing is appended"),
    commit: (frames, recipes) =>
      Effect.sync(() => {
        commits.push([digestsOf(frames), recipes.map(({ stat }) => stat.digest)])
      }),
    close: () => {
      closedCount += 1
    },
  }
  return { begin: Effect.succeed(draft), commits, closedCount: () => closedCount }
}

const taken = (given: Given, ...contents: ReadonlyArray<Uint8Array>) => {
  const drafted = drafting(given)
  const prepared = contents.map((content) => prepare(cuts, content))
  return Effect.runPromise(
    Effect.map(takePrepared(drafted.begin, prepared), (stats) => ({ ...drafted, stats })),
  )
}

describe("prepared contents", () => {
  it("go in one commit, and each chunk and blob of them once", async () => {
    const { commits, stats, closedCount } = await taken({}, one, two, one)
    const digests = [digestOf(one), digestOf(two)]
    expect(commits).toEqual([[digests, digests]])
    expect(stats.map(({ digest }) => digest)).toEqual([...digests, digestOf(one)])
    expect(closedCount()).toBe(1)
  })

  it("are not handed in where they are known, and named by the form that is stored", async () => {
    const before = await taken({}, one)
    const [stat] = before.stats
    const known = await taken({ blobs: new Map([[digestOf(one), stat as BlobStat]]) }, one, two)
    expect(known.commits).toEqual([[[digestOf(two)], [digestOf(two)]]])
    const chunk = { storedSize: 7, storedDigest: digestOf(Buffer.from("another build's")) }
    const shared = await taken({ chunks: new Map([[digestOf(one), chunk]]) }, one)
    expect(shared.commits).toEqual([[[], [digestOf(one)]]])
    expect(shared.stats).toMatchObject([{ deflatedSize: 7 }])
  })

  it("may be named by digest alone, and their durability is waited for", async () => {
    const { stats } = await taken({}, one)
    const drafted = drafting({ blobs: new Map([[digestOf(one), stats[0] as BlobStat]]) })
    const digests = [digestOf(two), digestOf(one)]
    const known = await Effect.runPromise(takeKnown(drafted.begin, digests))
    expect(known).toEqual([undefined, stats[0]])
    expect([drafted.commits, drafted.closedCount()]).toEqual([[[[], []]], 1])
  })
})

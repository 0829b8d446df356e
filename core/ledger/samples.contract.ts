/**
 * Bytes as a ledger makes them: one in which every kind of thing happened, closed, and what lies in
 * its directory, taken apart as far as its formats go. For suites that change such bytes.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { frameHeaderBytes, readFrameHeader } from "../blob/frame.js"
import { packHeaderBytes } from "../blob/pack.js"
import * as LevelViews from "../view/level.js"
import { type StoredRow, ViewStore } from "../view/view-store.js"
import { layoutOf } from "./layout.js"
import { leftIn } from "./places.contract.js"
import { openLedger } from "./promise.js"

export interface Made {
  /** Bodies of records, the first one first. */
  readonly records: ReadonlyArray<Uint8Array>
  readonly rows: ReadonlyArray<StoredRow>
  readonly pack: Uint8Array
  /** What lies in the pack, headers and all. */
  readonly frames: ReadonlyArray<Uint8Array>
  /** The files `ledger.json` and `tip`. */
  readonly identity: Uint8Array
  readonly tip: Uint8Array
}

const live = async (directory: string): Promise<void> => {
  const ledger = await openLedger({ directory, actor: "ann", durability: "buffered" })
  for (let n = 0; n < 20; n += 1) {
    await ledger.save(`a${n % 3}`, `${n} `.repeat(n * 40), { tags: ["t"], metadata: { n } })
    await ledger.tag("a0@1", `t${n}`)
    await ledger.untag("a0@1", `t${n}`)
    await ledger.logMetadata("a0", { at: new Date(n), list: [n, { é: null }] })
  }
  await ledger.defineTag("only", { exclusive: true, color: "red", idempotencyKey: "k" })
  await ledger.save("b", new Map([[1n, new Date(0)]]), { inputs: ["a0"], description: "d" })
  await ledger.save(
    "noise",
    Float64Array.from({ length: 9_000 }, (_, n) => Math.sin(n * n)),
  )
  await ledger.delete("a1@latest", { reason: "old", force: true })
  await ledger.close()
}

const framesOf = (pack: Uint8Array): ReadonlyArray<Uint8Array> => {
  const frames: Array<Uint8Array> = []
  for (let at = packHeaderBytes; at < pack.length; ) {
    const header = readFrameHeader(pack.subarray(at))
    if (header === undefined) throw new Error("the pack that was just written is damaged")
    const end = at + frameHeaderBytes + header.storedSize
    frames.push(pack.subarray(at, end))
    at = end
  }
  return frames
}

/** Makes the ledger, and answers with its bytes. */
export const makeLedger = async (directory: string): Promise<Made> => {
  await live(directory)
  const layout = layoutOf(directory)
  const { records } = await leftIn(directory)
  const everything = { gte: "", lt: "\u{10ffff}", reverse: false, countMax: 10_000 }
  const scan = Effect.flatMap(ViewStore, (store) => store.scan([everything]))
  const views = LevelViews.layer({ directory: layout.view })
  const [rows = []] = await Effect.runPromise(Effect.provide(scan, views))
  const packs = join(layout.blob, "packs")
  const [name = ""] = readdirSync(packs)
  const pack = readFileSync(join(packs, name))
  const [identity, tip] = [readFileSync(layout.identity), readFileSync(layout.tip)]
  return { records, rows, pack, frames: framesOf(pack), identity, tip }
}

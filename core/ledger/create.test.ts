import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { appendLeaf, emptyEdge, leafHash } from "../proof/merkle.js"
import { createLedger, firstRecord, newIdentity, readIdentity } from "./create.js"
import { layoutOf } from "./layout.js"
import { leftIn, temporary } from "./places.contract.js"
import { decodeTip } from "./tip.js"

const create = (directory: string) => Effect.runPromise(createLedger(directory))
const identityOf = (directory: string) => Effect.runPromise(readIdentity(directory))
const refusalOf = (directory: string) => Effect.runPromise(Effect.flip(readIdentity(directory)))

describe("a new ledger", () => {
  it("holds its first event, with a seal over it, and leaves nothing beside it", async () => {
    const home = temporary()
    const directory = join(home, "deep", "in", "ledger")
    await create(directory)
    const identity = await identityOf(directory)
    const { id, records } = await leftIn(directory)
    expect(records).toHaveLength(1)
    const [record = new Uint8Array(0)] = records
    expect(makeCodec(catalog).decode(record)).toMatchObject({
      position: 1,
      type: "ledger-created",
      time: Date.parse(identity?.createdAt ?? ""),
      data: { ledger: id, format: 1, hash: "sha256", chunking: identity?.chunking },
    })
    const tip = decodeTip(readFileSync(layoutOf(directory).tip, "utf8"))
    expect(tip).toEqual({ ledger: id, edge: appendLeaf(emptyEdge, leafHash(record)) })
    expect(readdirSync(join(home, "deep", "in"))).toEqual(["ledger"])
  })

  it.skipIf(process.platform === "win32")("is its owner's alone", async () => {
    const directory = join(temporary(), "ledger")
    await create(directory)
    const { identity, tip, reserve, log, blob } = layoutOf(directory)
    const mode = (path: string) => statSync(path).mode & 0o777
    expect([directory, log, blob].map(mode)).toEqual([0o700, 0o700, 0o700])
    expect([identity, tip, reserve].map(mode)).toEqual([0o600, 0o600, 0o600])
  })

  it("takes the place of an empty directory", async () => {
    const directory = temporary()
    expect(await identityOf(directory)).toBeUndefined()
    await create(directory)
    expect((await identityOf(directory))?.format).toBe(1)
  })

  it("is made once, however many make it", async () => {
    const home = temporary()
    const directory = join(home, "ledger")
    await Promise.all(Array.from({ length: 5 }, () => create(directory)))
    const identity = await identityOf(directory)
    await create(directory)
    expect(await identityOf(directory)).toEqual(identity)
    expect((await leftIn(directory)).id).toBe(identity?.id)
    expect(readdirSync(home)).toEqual(["ledger"])
  })

  it("never has the id of another", () => {
    const [one, two] = [newIdentity(7), newIdentity(7)]
    expect(one.id).not.toBe(two.id)
    expect(firstRecord(one, 7)).not.toEqual(firstRecord(two, 7))
  })
})

describe("a place that is taken", () => {
  it("by other files is refused and stays as it is", async () => {
    const home = temporary()
    const directory = join(home, "photos")
    mkdirSync(directory)
    writeFileSync(join(directory, "cat.jpg"), "miaow")
    expect(await refusalOf(directory)).toMatchObject({ _tag: "WrongLedger", directory })
    await create(directory)
    expect(readdirSync(directory)).toEqual(["cat.jpg"])
    expect(readdirSync(home)).toEqual(["photos"])
  })

  it("by a file cannot be made, and the file stays", async () => {
    const home = temporary()
    const file = join(home, "file")
    writeFileSync(file, "mine")
    for (const directory of [file, join(file, "ledger")])
      expect(await Effect.runPromise(Effect.flip(createLedger(directory)))).toMatchObject({
        _tag: "LogFailure",
        operation: "open",
        outcome: "none",
      })
    expect(readFileSync(file, "utf8")).toBe("mine")
    expect(readdirSync(home)).toEqual(["file"])
  })

  it("by a ledger whose identity is damaged or newer is named, not made anew", async () => {
    const directory = join(temporary(), "ledger")
    await create(directory)
    const { identity } = layoutOf(directory)
    for (const text of ["", "{", '{"format":1}', '{"format":2}', "null"]) {
      writeFileSync(identity, text)
      expect(await refusalOf(directory), text).toMatchObject({ _tag: "WrongLedger", directory })
      expect(readFileSync(identity, "utf8")).toBe(text)
    }
  })
})

/**
 * Making a ledger in place: whole or not at all, whatever is in the way, and nothing that was there
 * before is touched.
 */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { LedgerLocked } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { appendLeaf, emptyEdge, leafHash } from "../proof/merkle.js"
import { beginLedger, finishLedger, firstRecord, newIdentity, readIdentity } from "./create.js"
import { layoutOf } from "./layout.js"
import { lock } from "./lock.js"
import { leftIn, opened, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"
import { decodeTip } from "./tip.js"

const making = Effect.fnUntraced(function* (directory: string) {
  yield* beginLedger(directory)
  yield* lock(directory)
  return yield* finishLedger(directory)
})

const make = (directory: string) => Effect.runPromise(Effect.scoped(making(directory)))
const identityOf = (directory: string) => Effect.runPromise(readIdentity(directory))
const refusalOf = (directory: string) => Effect.runPromise(Effect.flip(readIdentity(directory)))

describe("a new ledger", () => {
  it("holds its first event, with a seal over it", async () => {
    const home = temporary()
    const directory = join(home, "deep", "in", "ledger")
    const made = await make(directory)
    const { identity, records } = await leftIn(directory)
    expect(identity).toEqual(made)
    expect(records).toHaveLength(1)
    const [record = new Uint8Array(0)] = records
    const { id, chunking } = identity
    expect(makeCodec(catalog).decode(record)).toMatchObject({
      position: 1,
      type: "ledger-created",
      time: Date.parse(identity.createdAt),
      data: { ledger: id, format: 1, hash: "sha256", chunking },
    })
    const tip = decodeTip(readFileSync(layoutOf(directory).tip, "utf8"))
    expect(tip).toEqual({ ledger: id, edge: appendLeaf(emptyEdge, leafHash(record)) })
    expect(readdirSync(join(home, "deep", "in"))).toEqual(["ledger"])
  })

  it.skipIf(process.platform === "win32")("is its owner's alone", async () => {
    const directory = join(temporary(), "ledger")
    await make(directory)
    const { identity, tip, reserve, log, blob, packs } = layoutOf(directory)
    const mode = (path: string) => statSync(path).mode & 0o777
    expect([directory, log, blob, packs].map(mode)).toEqual([0o700, 0o700, 0o700, 0o700])
    expect([identity, tip, reserve].map(mode)).toEqual([0o600, 0o600, 0o600])
  })

  it("fills an empty directory, which stays the one that it was", async () => {
    const directory = temporary()
    chmodSync(directory, 0o2775)
    const before = statSync(directory)
    expect(await identityOf(directory)).toBeUndefined()
    await make(directory)
    expect((await identityOf(directory))?.format).toBe(1)
    const { ino, mode } = statSync(directory)
    expect([ino, mode]).toEqual([before.ino, before.mode])
  })

  it("is made in a directory by any path: a link to it, the longest name", async () => {
    const home = temporary()
    mkdirSync(join(home, "real"))
    symlinkSync(join(home, "real"), join(home, "link"), "junction")
    for (const name of ["link", "n".repeat(255)]) {
      const ledger = await opened(join(home, name))
      await ledger.save("a", 1)
    }
    expect(await identityOf(join(home, "real"))).toBeDefined()
    expect(statSync(join(home, "link")).isDirectory()).toBe(true)
  })

  it("is made once, however many make it", async () => {
    const directory = join(temporary(), "ledger")
    const openings = Array.from({ length: 5 }, () => openLedger(directory).catch((error) => error))
    const answers = await Promise.all(openings)
    const ledgers = answers.filter((answer) => !(answer instanceof LedgerLocked))
    expect(ledgers).toHaveLength(1)
    await ledgers[0].save("a", 1)
    await ledgers[0].close()
    const identity = await identityOf(directory)
    expect(await make(directory)).toEqual(identity)
    expect((await opened(directory)).position).toBe(2)
  })

  it("never has the id of another", () => {
    const [one, two] = [newIdentity(7), newIdentity(7)]
    expect(one.id).not.toBe(two.id)
    expect(firstRecord(one, 7)).not.toEqual(firstRecord(two, 7))
  })
})

describe("what was not finished", () => {
  it("is taken away again, with the directories that were made for it", async () => {
    const home = temporary()
    const stopped = Effect.scoped(
      Effect.andThen(beginLedger(join(home, "a", "b")), Effect.fail("stop")),
    )
    await Effect.runPromise(Effect.flip(stopped))
    expect(readdirSync(home)).toEqual([])
    mkdirSync(join(home, "kept"))
    writeFileSync(layoutOf(join(home, "kept")).making, "")
    const inTheWay = Effect.scoped(
      Effect.gen(function* () {
        const directory = join(home, "kept")
        yield* beginLedger(directory)
        yield* lock(directory)
        yield* Effect.fail("stop")
      }),
    )
    await Effect.runPromise(Effect.flip(inTheWay))
    expect(readdirSync(join(home, "kept"))).toEqual([])
  })

  it("is left to the process that holds its lock", async () => {
    const directory = join(temporary(), "ledger")
    const program = Effect.gen(function* () {
      yield* beginLedger(directory)
      yield* lock(directory)
      const second = Effect.andThen(beginLedger(directory), lock(directory))
      expect(yield* Effect.flip(Effect.scoped(second))).toBeInstanceOf(LedgerLocked)
      expect(readdirSync(directory).sort()).toEqual(["lock", "making"])
      return yield* finishLedger(directory)
    })
    const made = await Effect.runPromise(Effect.scoped(program))
    expect(await identityOf(directory)).toEqual(made)
  })

  it("by a process that was killed is begun again, whatever it left", async () => {
    const directory = join(temporary(), "ledger")
    const first = await make(directory)
    const { identity, log, reserve, making: marker } = layoutOf(directory)
    for (const gone of [[identity], [identity, log], [identity, log, reserve]]) {
      for (const path of gone) rmSync(path, { recursive: true, force: true })
      writeFileSync(marker, "")
      expect(await identityOf(directory)).toBeUndefined()
      const again = await make(directory)
      expect(again.id).not.toBe(first.id)
    }
    const ledger = await opened(directory)
    await ledger.save("a", 1)
    expect(readdirSync(directory)).not.toContain("making")
  })

  it("is never a ledger that was used and has lost its identity", async () => {
    const directory = join(temporary(), "ledger")
    await (await openLedger(directory)).close()
    rmSync(layoutOf(directory).identity)
    const message = `${directory} is a ledger without its ledger.json: restore that from a backup`
    expect(await refusalOf(directory)).toMatchObject({ _tag: "WrongLedger", directory, message })
    writeFileSync(layoutOf(directory).making, "")
    expect(await refusalOf(directory)).toMatchObject({ _tag: "WrongLedger", directory, message })
  })
})

describe("a place that is taken", () => {
  it("by other files is refused and stays as it is", async () => {
    const directory = join(temporary(), "photos")
    mkdirSync(directory)
    writeFileSync(join(directory, "cat.jpg"), "miaow")
    expect(await refusalOf(directory)).toMatchObject({ _tag: "WrongLedger", directory })
    await expect(openLedger(directory)).rejects.toMatchObject({ _tag: "WrongLedger" })
    expect(readdirSync(directory)).toEqual(["cat.jpg"])
  })

  it("by a file cannot be made, and the file stays", async () => {
    const home = temporary()
    const file = join(home, "file")
    writeFileSync(file, "mine")
    for (const directory of [file, join(file, "ledger")])
      await expect(openLedger(directory)).rejects.toMatchObject({
        _tag: "LogFailure",
        operation: "open",
        outcome: "none",
      })
    expect(readFileSync(file, "utf8")).toBe("mine")
    expect(readdirSync(home)).toEqual(["file"])
  })

  it("by a ledger whose identity is damaged or newer is named, not made anew", async () => {
    const directory = join(temporary(), "ledger")
    await make(directory)
    const { identity } = layoutOf(directory)
    for (const text of ["", "{", '{"format":1}', '{"format":2}', "null"]) {
      writeFileSync(identity, text)
      expect(await refusalOf(directory), text).toMatchObject({ _tag: "WrongLedger", directory })
      expect(readFileSync(identity, "utf8")).toBe(text)
    }
  })
})

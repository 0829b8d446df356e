/**
 * Copies of packs: verbatim, whatever the copy held before.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { digestOf } from "../model/digest.js"
import { readDamage, writeDamage } from "./damage-file.js"
import type { Mark } from "./index-row.js"
import { packHeader } from "./pack.js"
import { copyPacks, type PackCopyOptions } from "./pack-copy.js"
import { listPacks, packPath } from "./pack-files.js"
import {
  diskError,
  fileHandles,
  openFiles,
  openParts,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { removeBlobs } from "./removal.js"
import { collect, expectBytes, noise } from "./samples.contract.js"

const parent = temporaryDirectory()
let from = ""
let to = ""
let quarantine = ""
beforeEach(() => {
  from = join(parent(), "from", "packs")
  to = join(parent(), "to", "packs")
  quarantine = join(parent(), "quarantine")
  for (const path of [from, to, quarantine]) mkdirSync(path, { recursive: true })
  marks = asTheyAre
})

const write = (directory: string, pack: number, text: string): void =>
  writeFileSync(packPath(directory, pack), Buffer.concat([packHeader(), Buffer.from(text)]))

/** The sign that an index may be believed. */
const signIn = () => join(parent(), "to", "index", "whole")
const isTrusted = () => existsSync(signIn())
const sign = (): void => {
  mkdirSync(join(signIn(), ".."), { recursive: true })
  writeFileSync(signIn(), "")
}

/** What the index of the original says: by default that all of its packs are there as they are. */
let marks: PackCopyOptions["marks"] = () => asTheyAre()
const asTheyAre = async (): Promise<ReadonlyMap<number, Mark>> =>
  new Map(
    (await listPacks(from)).map(({ pack, size }) => [
      pack,
      { pack, end: size, header: 0, whole: true, ahead: false },
    ]),
  )

const options = (): PackCopyOptions => ({ from, to, quarantine, marks: () => marks() })

/** Copies, and lets go of what is too much; answers with the bytes that were copied. */
const run = () =>
  Effect.runPromise(
    Effect.flatMap(copyPacks(options()), ({ bytes, settle }) => Effect.as(settle, bytes)),
  )

const expectCopied = (): void => {
  expect(readdirSync(to)).toEqual(readdirSync(from))
  for (const name of readdirSync(from))
    expect(readFileSync(join(to, name)).equals(readFileSync(join(from, name)))).toBe(true)
}

describe("copying packs", () => {
  it("takes all at first, then what is new, and leaves what else is there", async () => {
    write(from, 1, "first")
    write(from, 2, "x".repeat(3_000_000))
    expect(await run()).toBe(28 + 5 + 28 + 3_000_000)
    expectCopied()
    expect(await run()).toBe(0)
    appendFileSync(packPath(from, 2), "more")
    write(from, 4, "third")
    expect(await run()).toBe(4 + 28 + 5)
    expectCopied()
    // Lost: the index has it yet.
    const before = await asTheyAre()
    rmSync(packPath(from, 4))
    marks = () => Promise.resolve(before)
    expect(await run()).toBe(0)
    marks = () => Promise.resolve(undefined)
    expect(await run()).toBe(0)
    expect(readdirSync(to)).toEqual([1, 2, 4].map((pack) => `0000000${pack}.pack`))
    // Removed.
    marks = asTheyAre
    expect(await run()).toBe(0)
    expectCopied()
  })

  it("takes what was removed from the original from the copy last, and its damage", async () => {
    for (const pack of [1, 2, 3]) write(from, pack, `content of ${pack}`)
    await run()
    await writeDamage(join(parent(), "to"), [
      { pack: 1, from: 28, to: 30, state: "damaged", digests: [] },
      { pack: 2, from: 28, to: 30, state: "damaged", digests: [] },
    ])
    sign()
    rmSync(packPath(from, 1))
    truncateSync(packPath(from, 2), 31)
    write(from, 4, "moved")
    const { bytes, settle } = await Effect.runPromise(copyPacks(options()))
    expect(bytes).toBe(28 + 5)
    expect(readdirSync(to)).toEqual([1, 2, 3, 4].map((pack) => `0000000${pack}.pack`))
    expect(readFileSync(packPath(to, 2))).toHaveLength(28 + 12)
    expect(isTrusted()).toBe(true)
    await Effect.runPromise(settle)
    expectCopied()
    expect(isTrusted()).toBe(false)
    expect(await readDamage(join(parent(), "to"))).toMatchObject([{ pack: 2 }])
  })

  it("leaves what the original has lost of a pack since it was indexed", async () => {
    write(from, 1, "content")
    await run()
    const before = await asTheyAre()
    truncateSync(packPath(from, 1), 31)
    marks = () => Promise.resolve(before)
    expect(await run()).toBe(0)
    expect(readFileSync(packPath(to, 1))).toHaveLength(28 + 7)
  })

  it("begins again where the end of the copy is not of the original", async () => {
    write(from, 1, "begun, and taken back")
    await run()
    truncateSync(packPath(from, 1), 28 + 5)
    appendFileSync(packPath(from, 1), " otherwise, and longer than it was")
    expect(await run()).toBe(28 + 5 + 34)
    expectCopied()
    expect(readdirSync(quarantine)).toEqual(["00000001.pack-1"])
  })

  it("begins again where the copy is of another pack, and cuts off what is too much", async () => {
    write(from, 1, "first")
    write(to, 1, "another pack, and longer")
    const other = readFileSync(packPath(to, 1))
    sign()
    expect(await run()).toBe(28 + 5)
    expectCopied()
    expect(readFileSync(join(quarantine, "00000001.pack-1")).equals(other)).toBe(true)
    expect(isTrusted()).toBe(false)
    sign()
    expect(await run()).toBe(0)
    expect(isTrusted()).toBe(true)
    appendFileSync(packPath(to, 1), "torn")
    expect(await run()).toBe(0)
    expectCopied()
    expect(isTrusted()).toBe(false)
    truncateSync(packPath(to, 1), 10)
    expect(await run()).toBe(28 + 5)
    expectCopied()
    expect(readdirSync(quarantine)).toHaveLength(1)
  })

  it("leaves the copy what the original has lost, and tells it of the loss", async () => {
    for (const pack of [1, 2]) write(from, pack, "content")
    await run()
    rmSync(packPath(from, 1))
    truncateSync(packPath(from, 2), 30)
    const missing = { to: 35, state: "missing", digests: [] } as const
    const findings = [
      { ...missing, pack: 1, from: 0 },
      { ...missing, pack: 2, from: 30 },
    ]
    await writeDamage(join(parent(), "from"), findings)
    expect(await run()).toBe(0)
    const handles = await fileHandles(parent())
    const failing = vi.spyOn(handles, "sync").mockRejectedValueOnce(diskError("EIO"))
    await expect(run()).rejects.toMatchObject({ reason: "io" })
    failing.mockRestore()
    for (const pack of [1, 2]) expect(readFileSync(packPath(to, pack))).toHaveLength(35)
    expect(await readDamage(join(parent(), "to"))).toEqual(findings)
  })

  it("stops when it is interrupted, and goes on from there", async () => {
    for (let pack = 1; pack <= 40; pack += 1) write(from, pack, "x".repeat(200_000))
    const copied = await Effect.runPromise(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(copyPacks(options()))
        while (readdirSync(to).length < 2) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(fiber)
        return readdirSync(to).length
      }),
    )
    expect(copied).toBeLessThan(40)
    await run()
    expectCopied()
  })

  it("holds nothing open when it fails, wherever the disk does", async () => {
    write(from, 1, "first")
    await run()
    appendFileSync(packPath(from, 1), "more")
    const handles = await fileHandles(parent())
    for (const call of ["read", "stat", "writev", "sync"] as const) {
      const failing = vi.spyOn(handles, call).mockRejectedValueOnce(diskError("EIO"))
      const failure = await Effect.runPromise(Effect.flip(copyPacks(options())))
      expect(failure).toMatchObject({ _tag: "BlobFailure", operation: "copy", reason: "io" })
      expect(openFiles(parent()), call).toEqual([])
      failing.mockRestore()
      // What was written before a sync that failed is not relied on.
      expect(await run(), call).toBe(4)
      expectCopied()
      appendFileSync(packPath(from, 1), "more")
    }
  })

  it("makes durable what is there already: a killed process may have written it", async () => {
    write(from, 1, "first")
    writeFileSync(packPath(to, 1), readFileSync(packPath(from, 1)))
    const sync = vi.spyOn(await fileHandles(parent()), "sync")
    expect(await run()).toBe(0)
    // The pack and its directory.
    expect(sync).toHaveBeenCalledTimes(2)
    sync.mockRestore()
  })

  it("says so when the place is gone", async () => {
    const failure = await Effect.runPromise(
      Effect.flip(copyPacks({ ...options(), from: join(from, "none") })),
    )
    expect(failure).toMatchObject({ _tag: "BlobFailure", operation: "copy", reason: "missing" })
  })
})

describe("copying beside a removal", () => {
  const contents = Array.from({ length: 60 }, (_, at) => noise(16_000 + at, at))
  const digests = contents.map((content) => digestOf(content))
  const put = (some: ReadonlyArray<Uint8Array>) =>
    useBlobs(join(from, ".."), (blobs) => Effect.forEach(some, (content) => blobs.put(content)))

  /** Every content of the second half, in the store that the copy is, whatever became of others. */
  const expectLeft = () =>
    useBlobs(join(to, ".."), (blobs) =>
      Effect.forEach(contents.slice(30), (content) =>
        Effect.map(collect(blobs.read(digestOf(content))), (bytes) => expectBytes(bytes, content)),
      ),
    )

  it("holds all that stays, wherever the removal has come to", async () => {
    await put(contents)
    const store = await openParts(join(from, ".."), { packBytesMax: 120_000 })
    marks = () => store.index.marks()
    let removal: Promise<unknown> = Promise.resolve()
    for (let round = 0; round < 10; round += 1) {
      const some = digests.slice(round * 3, round * 3 + 3)
      removal = removal.then(() => removeBlobs(store, some, { thorough: true }))
      for (let turn = 0; turn < round; turn += 1) await new Promise(setImmediate)
      const { settle } = await Effect.runPromise(copyPacks(options()))
      // As one that is killed before it lets go of anything.
      if (round % 3 > 0) await Effect.runPromise(settle)
      await expectLeft()
    }
    await removal
    await run()
    await store.close()
    await expectLeft()
    expect((await listPacks(to)).map(({ pack }) => pack)).toEqual(
      expect.arrayContaining((await listPacks(from)).map(({ pack }) => pack)),
    )
  })

  it("looks again when a pack became shorter after its place was passed", async () => {
    await put(contents)
    const store = await openParts(join(from, ".."))
    marks = () => store.index.marks()
    // While the first pack is copied, what stays of it is moved to one that was not there.
    const handles = await fileHandles(parent())
    const { sync } = handles
    let isMoved = false
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      if (!isMoved && !(await this.stat()).isDirectory()) {
        isMoved = true
        await removeBlobs(store, digests.slice(0, 30), { thorough: true })
      }
      await sync.call(this)
    })
    expect(await run()).toBeGreaterThan(0)
    vi.restoreAllMocks()
    await store.close()
    expectCopied()
    await expectLeft()
  })
})

/**
 * A whole ledger whose packs are damaged or lost: what is lost is named, by every read of it and by
 * the next opening; everything else works, and what is saved again is there again.
 */

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { buffer } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { packHeader } from "../blob/pack.js"
import { noise, prose } from "../blob/samples.contract.js"
import { digestOf } from "../model/digest.js"
import type { Archive } from "./api.js"
import { folder } from "./folder.contract.js"
import { layoutOf } from "./layout.js"
import { opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const names = ["a", "b", "c", "d", "e"] as const
type Name = (typeof names)[number]
const contentOf = (name: string): Buffer =>
  Buffer.from(noise(name === "c" ? 400_000 : 2_000, name.charCodeAt(0)))
const digestIn = (name: string) => digestOf(contentOf(name))

/** A ledger of five artifacts whose content lies in one pack, closed. */
const made = async (): Promise<string> => {
  const directory = join(temporary(), "ledger")
  const ledger = await openLedger(directory)
  for (const name of names) await ledger.save(name, contentOf(name), { tags: "kept" })
  await ledger.close()
  return directory
}

const packOf = (directory: string, pack = 1): string =>
  join(layoutOf(directory).packs, `0000000${pack}.pack`)

/** Flips a bit in the content of an artifact; answers with the frame that it lies in. */
const damage = (directory: string, name: Name) => {
  const bytes = readFileSync(packOf(directory))
  const at = bytes.indexOf(contentOf(name).subarray(0, 100))
  bytes[at + 50] = (bytes[at + 50] ?? 0) ^ 1
  writeFileSync(packOf(directory), bytes)
  return { pack: "00000001.pack", from: at - 88, to: at + contentOf(name).length }
}

const expectWhole = async (ledger: PromiseLedger, some: ReadonlyArray<string>) => {
  for (const name of some)
    expect(
      Buffer.compare(Buffer.from((await ledger.load(name)) as Uint8Array), contentOf(name)),
    ).toBe(0)
}

const expectLost = async (ledger: PromiseLedger, name: string, more: object = {}) => {
  const lost = { _tag: "BlobCorrupted", kind: "corrupt", digest: digestIn(name), artifact: name }
  await expect(ledger.load(name)).rejects.toMatchObject({ ...lost, version: "1", ...more })
  expect((await ledger.get(name)).tags).toContain("kept")
}

/** Every file of a ledger as a tool would see it. */
const stateOf = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(directory, name)
      const { size, mtimeMs, ctimeMs, nlink } = statSync(path)
      return [relative(directory, path), size, mtimeMs, ctimeMs, nlink].join(" ")
    })

/** What a reader is told, who leaves no trace. */
const readTrust = async (directory: string) => {
  const before = stateOf(directory)
  const reader = await openLedger({ directory, readOnly: true })
  const { trust } = reader
  await reader.close()
  expect(stateOf(directory)).toEqual(before)
  expect(trust.damaged).toEqual([])
  return trust.damagedContent
}

describe("a flipped bit in a pack", () => {
  it("is named by the read that finds it, and by every opening from then on", async () => {
    const directory = await made()
    const stretch = damage(directory, "b")
    const found = readFileSync(packOf(directory))
    const { quarantine } = layoutOf(directory)
    const ledger = await opened(directory)
    expect(ledger.trust).toMatchObject({ readOnly: false, damagedContent: [] })
    await expectLost(ledger, "b", { where: stretch })
    await expectWhole(ledger, ["a", "c", "d", "e"])
    expect(readdirSync(quarantine)).toEqual(["00000001.pack-1"])
    await ledger.save("f", contentOf("f"))
    await ledger.close()
    const kept = readFileSync(join(quarantine, "00000001.pack-1"))
    expect(kept.equals(found) && readFileSync(packOf(directory)).equals(found)).toBe(true)
    const told = {
      ...stretch,
      digests: [digestIn("b")],
      text: `00000001.pack is damaged from ${stretch.from} to ${stretch.to}`,
    }
    expect(await readTrust(directory)).toEqual([told])
    const again = await opened(directory)
    expect(again.trust).toMatchObject({ readOnly: false, damaged: [], damagedContent: [told] })
    await expectWhole(again, ["a", "c", "d", "e", "f"])
    // The same bytes under another name: a hit on what is damaged is none.
    await again.save("b again", contentOf("b"))
    await expectWhole(again, ["b"])
    await again.close()
    expect(await readTrust(directory)).toEqual([{ ...told, digests: [] }])
    expect(readdirSync(quarantine)).toEqual(["00000001.pack-1"])
    expect(readFileSync(packOf(directory)).equals(found)).toBe(true)
  })

  it("is found by an index that is made anew, which harms nothing else", async () => {
    const directory = await made()
    const stretch = damage(directory, "b")
    rmSync(join(layoutOf(directory).blob, "index"), { recursive: true })
    const told = [{ ...stretch, digests: [digestIn("b")] }]
    expect(await readTrust(directory)).toMatchObject(told)
    for (const turn of [1, 2]) {
      const ledger = await opened(directory)
      expect(ledger.trust, `opening ${turn}`).toMatchObject({ damaged: [], damagedContent: told })
      await expectLost(ledger, "b", { where: stretch })
      await expectWhole(ledger, ["a", "c", "d", "e"])
      await ledger.save("f", contentOf(`f${turn}`))
      await ledger.close()
    }
    expect(readdirSync(layoutOf(directory).quarantine)).toEqual(["00000001.pack-1"])
    const ledger = await opened(directory)
    await ledger.save("b", contentOf("b"))
    await expectWhole(ledger, names)
  })

  it("is gone when the pack is put back from a copy", async () => {
    const directory = await made()
    const copy = join(directory, "..", "copy.pack")
    cpSync(packOf(directory), copy)
    damage(directory, "b")
    const ledger = await opened(directory)
    await expectLost(ledger, "b")
    await ledger.close()
    rmSync(packOf(directory))
    cpSync(copy, packOf(directory))
    const whole = await opened(directory)
    expect(whole.trust.damagedContent).toEqual([])
    await expectWhole(whole, names)
  })
})

/** The large ones leave by themselves, all others joined with their neighbours. */
const tree: Readonly<Record<string, Uint8Array>> = {
  ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`a/${n}`, noise(900 + n, 50 + n)])),
  "large/noise": noise(2_500_000, 21),
  "large/text": prose(2_500_000, 22),
  "small/noise": noise(3_000, 23),
  "small/text": prose(9_000, 24),
  ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`z/${n}`, noise(900 + n, 80 + n)])),
}

/** A file, and how far behind its name in the archive a bit of it is flipped. */
const spots: ReadonlyArray<readonly [path: string, behind: number]> = [
  ["small/noise", 1_500],
  ["small/text", 1_000],
  ["large/noise", 2_000_000],
  ["large/text", 200_000],
]

interface Spoilt {
  readonly ledger: PromiseLedger
  readonly archive: Archive<"promise">
  /** The whole archive as it was before the damage, and where in it the flipped bit lies. */
  readonly sound: Buffer
  readonly at: number
  readonly path: string
}

/** What a read gives, and what it should have given. */
type Reading = readonly [bytes: AsyncIterable<Uint8Array>, whole: Uint8Array]

const ranged = ({ archive, sound }: Spoilt, start: number, end: number): Reading => [
  archive.stream({ start, end }),
  sound.subarray(start, end),
]

const opening = ({ ledger, path }: Spoilt, from = 0, to = 1): Reading => {
  const content = tree[path] ?? Buffer.of()
  const range = { start: Math.floor(from * content.length), end: Math.ceil(to * content.length) }
  const isWhole = from === 0 && to === 1
  return [
    ledger.open("tree", path, isWhole ? {} : { range }),
    content.subarray(range.start, range.end),
  ]
}

const reads: Readonly<Record<string, (spoilt: Spoilt) => Reading>> = {
  zip: ({ archive, sound }) => [archive.stream(), sound],
  "a range of a zip": (spoilt) => ranged(spoilt, spoilt.at - 20, spoilt.at + 20),
  "a range of a zip from far before": (spoilt) => ranged(spoilt, 100, spoilt.at + 1),
  "one byte of a zip": (spoilt) => ranged(spoilt, spoilt.at, spoilt.at + 1),
  open: (spoilt) => opening(spoilt),
  "open with a range": (spoilt) => opening(spoilt, 0.1, 0.9),
}

describe("a flipped bit in a file of many", () => {
  let home = ""
  let sound: Buffer = Buffer.of()
  const source = () => join(home, "ledger")
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "daybook-flipped-"))
    const ledger = await openLedger({ directory: source(), materializers: [folder] })
    await ledger.save("tree", tree)
    await ledger.save("other", "other")
    sound = await buffer((await ledger.zip("tree")).stream())
    await ledger.close()
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  /** A copy of that ledger, opened, with the bit flipped. */
  const spoil = async (path: string, behind: number): Promise<Spoilt> => {
    const directory = join(temporary(), "ledger")
    cpSync(source(), directory, { recursive: true })
    const at = sound.indexOf(path) + behind
    const pack = readFileSync(packOf(directory))
    const place = pack.indexOf(sound.subarray(at, at + 40))
    expect([place > 0, pack.lastIndexOf(sound.subarray(at, at + 40))]).toEqual([true, place])
    pack[place] = (pack[place] ?? 0) ^ 16
    writeFileSync(packOf(directory), pack)
    const ledger = await opened({ directory, materializers: [folder] })
    return { ledger, archive: await ledger.zip("tree"), sound, at, path }
  }

  /** What it is refused with. */
  const lost = (path: string) => ({
    _tag: "BlobCorrupted",
    digest: digestOf(tree[path] ?? Buffer.of()),
    artifact: "tree",
    version: "1",
    where: { pack: "00000001.pack" },
  })

  const expectRestWhole = async ({ ledger, archive, at, path }: Spoilt): Promise<void> => {
    for (const [name, content] of Object.entries(tree))
      if (name !== path)
        expect((await buffer(ledger.open("tree", name))).equals(content), name).toBe(true)
    expect(await ledger.load("other")).toBe("other")
    const begin = sound.indexOf(path)
    const after = sound.indexOf("z/0")
    for (const [start, end] of [
      [0, begin],
      [after, sound.length],
    ] as const) {
      expect(at < start || at >= end).toBe(true)
      const bytes = await buffer(archive.stream({ start, end }))
      expect(bytes.equals(sound.subarray(start, end))).toBe(true)
    }
  }

  describe.each(spots)("as %s", (path, behind) => {
    it.each(Object.entries(reads))("fails %s behind what is right", async (_, read) => {
      const spoilt = await spoil(path, behind)
      const [bytes, whole] = read(spoilt)
      const pieces: Array<Uint8Array> = []
      const reading = (async () => {
        for await (const piece of bytes) pieces.push(Uint8Array.from(piece))
      })()
      await expect(reading).rejects.toMatchObject(lost(path))
      const before = Buffer.concat(pieces)
      expect(before.length).toBeLessThan(whole.length)
      expect(before.equals(whole.subarray(0, before.length))).toBe(true)
      await expectRestWhole(spoilt)
    })

    it("fails a download, which leaves nothing", async () => {
      const spoilt = await spoil(path, behind)
      const into = temporary()
      const download = spoilt.ledger.download("tree", join(into, "tree.zip"))
      await expect(download).rejects.toMatchObject(lost(path))
      expect(readdirSync(into)).toEqual([])
      await expectRestWhole(spoilt)
    })
  })

  it("lets what lies before it leave, chunk by chunk", async () => {
    const { ledger } = await spoil("large/noise", 2_000_000)
    let count = 0
    const reading = (async () => {
      for await (const { length } of ledger.open("tree", "large/noise")) count += length
    })()
    await expect(reading).rejects.toMatchObject(lost("large/noise"))
    expect(count).toBeGreaterThan(0)
  })
})

describe("a lost pack", () => {
  const saved = async (ledger: PromiseLedger) => {
    await ledger.save("f", contentOf("f"))
    await ledger.tag("a", "seen")
    await expectWhole(ledger, ["f"])
  }

  it("is named; all that needs no byte of it works, and it can be saved again", async () => {
    const directory = await made()
    const { size } = statSync(packOf(directory))
    const aside = join(directory, "..", "aside")
    renameSync(packOf(directory), aside)
    const missing = { pack: "00000001.pack", from: 0, to: size, text: "00000001.pack is missing" }
    const [told] = await readTrust(directory)
    expect(told).toMatchObject(missing)
    expect(new Set(told?.digests)).toEqual(new Set(names.map(digestIn)))
    for (const _ of [1, 2]) {
      const ledger = await opened(directory)
      expect(ledger.trust).toMatchObject({ readOnly: false, damaged: [], damagedContent: [told] })
      for (const name of names) await expectLost(ledger, name)
      await saved(ledger)
      await ledger.close()
    }
    expect(existsSync(packOf(directory))).toBe(false)
    expect(await readTrust(directory)).toEqual([told])
    const ledger = await opened(directory)
    for (const name of ["b", "c"]) await ledger.save(name, contentOf(name))
    await expectWhole(ledger, ["b", "c"])
    await ledger.close()
    const left = (await readTrust(directory))[0]?.digests
    expect(new Set(left)).toEqual(new Set(["a", "d", "e"].map(digestIn)))
    renameSync(aside, packOf(directory))
    const whole = await opened(directory)
    expect(whole.trust.damagedContent).toEqual([])
    await expectWhole(whole, [...names, "f"])
  })

  it("by its end loses what lay there alone", async () => {
    const directory = await made()
    const bytes = readFileSync(packOf(directory))
    const cut = bytes.indexOf(contentOf("d").subarray(0, 100)) + 700
    truncateSync(packOf(directory), cut)
    const ledger = await opened(directory)
    const [told] = ledger.trust.damagedContent
    expect(told).toMatchObject({ pack: "00000001.pack", from: cut, to: bytes.length })
    expect(new Set(told?.digests)).toEqual(new Set(["d", "e"].map(digestIn)))
    await expectWhole(ledger, ["a", "b", "c"])
    for (const name of ["d", "e"]) await expectLost(ledger, name)
    await saved(ledger)
    // What is cut off is evidence too: nothing is written behind it.
    expect(statSync(packOf(directory)).size).toBe(cut)
    expect(readdirSync(layoutOf(directory).quarantine)).toEqual(["00000001.pack-1"])
  })

  it("in whose place lies another one is named, and the other is not harmed", async () => {
    const directory = await made()
    const other = packOf(await made())
    writeFileSync(packOf(directory), packHeader())
    const ledger = await opened(directory)
    const text = "another pack has the name of 00000001.pack"
    expect(ledger.trust.damagedContent).toMatchObject([{ pack: "00000001.pack", text }])
    for (const name of names) await expectLost(ledger, name)
    await saved(ledger)
    await ledger.close()
    cpSync(other, packOf(directory))
    const again = await opened(directory)
    await expectWhole(again, names)
  })
})

it("a backup that is made again keeps what its original has lost", async () => {
  const directory = await made()
  const copy = join(directory, "..", "backup")
  const ledger = await opened(directory)
  await ledger.backup(copy)
  await ledger.close()
  rmSync(packOf(directory))
  const damaged = await opened(directory)
  await expectLost(damaged, "a")
  await damaged.save("f", contentOf("f"))
  await damaged.backup(copy)
  const backup = await opened(copy)
  expect(backup.trust).toMatchObject({ damaged: [], damagedContent: [] })
  await expectWhole(backup, [...names, "f"])
})

it("a torn tail is no damage, and is never appended to", async () => {
  const directory = await made()
  appendFileSync(packOf(directory), readFileSync(packOf(directory)).subarray(28, 600))
  const torn = readFileSync(packOf(directory))
  const ledger = await opened(directory)
  expect(ledger.trust.damagedContent).toEqual([])
  await ledger.save("f", contentOf("f"))
  await expectWhole(ledger, [...names, "f"])
  expect(readFileSync(packOf(directory)).equals(torn)).toBe(true)
  expect(readdirSync(layoutOf(directory).quarantine)).toEqual([])
})

it("a disk that keeps no evidence keeps nobody from reading or saving", async () => {
  const directory = await made()
  const { quarantine } = layoutOf(directory)
  const stretch = damage(directory, "b")
  const ledger = await opened(directory)
  rmSync(quarantine, { recursive: true })
  writeFileSync(quarantine, "no directory")
  await expectLost(ledger, "b", { where: stretch })
  await ledger.save("b", contentOf("b"))
  await expectWhole(ledger, names)
})

/**
 * An archive is the same bytes wherever and whenever it is sent: in any time zone and locale, by
 * any Node, before and after packs are rewritten and while they are, as a whole and in ranges.
 *
 * Every Node that was brought for other tests is tried, and those lines that `NODES` names.
 */

import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { mixed, noise, prose } from "../blob/samples.contract.js"
import { digestOf } from "../model/digest.js"
import { type Files, folder } from "./folder.contract.js"
import { bundle, opened, programOf, Running, type Stage, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

const home = mkdtempSync(join(tmpdir(), "daybook-bytes-"))
const there = join(home, "ledger")
let door = ""
beforeAll(async () => {
  door = bundle(home)
  await make()
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

// Names that locales order and fold in ways of their own, and more of them than an event holds.
const names = ["i", "I", "ı", "İ", "ss", "ß", "z", "ä", "Ä", "ø", "å", "aa", "1", "10", "2", "ch"]

const kept: Files = {
  ...Object.fromEntries(names.map((name) => [`names/${name}.txt`, Buffer.from(name.repeat(99))])),
  "large/mixed.bin": mixed(3_000_000, 1),
  "large/noise.bin": noise(3_000_000, 2),
  empty: new Uint8Array(0),
}

/** An archive as a program tells it. */
interface Sent {
  readonly size: number
  readonly etag: string
  readonly filename: string
  /** Of all its bytes. */
  readonly digest: string
}

interface Told {
  /** Of the ledger that was there. */
  readonly sent: Sent
  /** Of a ledger made anew, at a time that stands still: of bytes stored raw, and of a text. */
  readonly raw: Sent
  readonly deflated: Sent
  readonly offset: number
  readonly locale: string
}

const tellArchives = async (stage: Stage, directory: string, anew: string): Promise<void> => {
  type Opened = Awaited<ReturnType<Stage["openLedger"]>>
  const sent = async (ledger: Opened, reference: string): Promise<Sent> => {
    const { size, etag, filename, stream } = await ledger.zip(reference)
    const pieces: Array<Uint8Array> = []
    for await (const piece of stream()) pieces.push(piece)
    const hash = await crypto.subtle.digest("SHA-256", Buffer.concat(pieces))
    return { size, etag, filename, digest: Buffer.from(hash).toString("hex") }
  }
  const reader = await stage.openLedger({ directory, readOnly: true })
  const kept = await sent(reader, "İstanbul/kept")
  await reader.close()
  Date.now = () => 1_709_210_096_789
  const ledger = await stage.openLedger({ directory: anew })
  const bytes = new Uint8Array(300_000)
  let state = 7
  for (let index = 0; index < bytes.length; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state
  }
  await ledger.save("İstanbul/raw", bytes)
  await ledger.save("text", Array.from({ length: 9_999 }, (_, n) => `line ${n * n}\n`).join(""))
  const raw = await sent(ledger, "İstanbul/raw")
  const deflated = await sent(ledger, "text")
  await ledger.close()
  const { locale } = new Intl.DateTimeFormat().resolvedOptions()
  stage.tell({ sent: kept, raw, deflated, offset: new Date().getTimezoneOffset(), locale })
}

/** A ledger in a directory, with a version that stays among others that do not. */
const make = async (): Promise<void> => {
  const ledger = await openLedger({ directory: there, materializers: [folder] })
  await ledger.save("gone", { "a.bin": noise(2_000_000, 3), "i.txt": prose(500_000, 4) })
  await ledger.save("İstanbul/kept", kept)
  await ledger.save("gone", { "a.bin": mixed(2_000_000, 5), "b.bin": noise(3_000_000, 2) })
  await ledger.close()
}

const asTold = async (
  directory: string,
  node = process.execPath,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Told> => {
  const args = programOf(door, tellArchives, directory, join(temporary(), "anew"))
  const running = new Running(node, args, env)
  const told = (await running.line(0)) as Told
  expect(await running.ended).toBe(0)
  return told
}

/** What this process sends. */
const asSent = async (directory: string): Promise<Sent> => {
  const ledger = await opened({ directory, readOnly: true })
  const { size, etag, filename, stream } = await ledger.zip("İstanbul/kept")
  return { size, etag, filename, digest: digestOf(await buffer(stream())) }
}

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Binaries of Node: the one that runs this, those that are there, those that are wanted. */
const nodes = (): ReadonlyArray<string> => {
  const brought = join(root, ".nodes")
  const there = existsSync(brought) ? readdirSync(brought) : []
  const lines = new Set([...there, ...(process.env.NODES ?? "").split(" ")])
  lines.delete("")
  const bring = (line: string) =>
    execFileSync(process.execPath, [join(root, ".config/node.mjs"), line], { encoding: "utf8" })
  return [...new Set([process.execPath, ...[...lines].map((line) => bring(line).trim())])]
}

// Of `İstanbul/raw` as `tellArchives` saves it. Its bytes are sent as they were saved, and the time
// is that of the clock that stands still: no build of zlib, no zone and no locale has a part in it.
// The digest is also that of the archive which a few lines of Python write by APPNOTE.TXT.
const golden: Sent = {
  size: 300_132,
  etag: '"4d94290c37b2d5eaf373dd519bac7969933ace3cc83ba935f6fc625d514636f1"',
  filename: "İstanbul_raw-1.zip",
  digest: "120634c42aff114d49bfc512fbcf92fde046dda224cf2108731356e8d583d2b2",
}

describe("the archive of one version", () => {
  it("is the same in three time zones and two locales", async () => {
    const here = await asSent(there)
    const environments = [
      { TZ: "UTC", LC_ALL: "C" },
      { TZ: "America/St_Johns", LC_ALL: "tr_TR.UTF-8" },
      { TZ: "Asia/Kathmandu", LC_ALL: "tr_TR.UTF-8" },
    ]
    const told: Array<Told> = []
    for (const given of environments)
      told.push(await asTold(there, process.execPath, { ...process.env, ...given }))
    expect(new Set(told.map(({ offset }) => offset)).size).toBe(3)
    expect(new Set(told.map(({ locale }) => locale.slice(0, 2)))).toEqual(new Set(["en", "tr"]))
    for (const { sent, raw, deflated } of told) {
      expect(sent).toEqual(here)
      expect(raw).toEqual(golden)
      expect(deflated).toEqual(told[0]?.deflated)
    }
  })

  it("is the same whichever Node sends it", async () => {
    const here = await asSent(there)
    for (const node of nodes()) {
      const { sent, raw } = await asTold(there, node)
      expect(sent, node).toEqual(here)
      // What a Node deflates is not compared: other builds of zlib may give other bytes.
      expect(raw, node).toEqual(golden)
    }
  }, 600_000)

  it("is the same before its packs are rewritten, meanwhile and afterwards", async () => {
    const directory = join(temporary(), "ledger")
    cpSync(there, directory, { recursive: true })
    const packs = join(directory, "blob/packs")
    const sizes = () => readdirSync(packs).map((name) => [name, statSync(join(packs, name)).size])
    const [before, packsBefore] = [await asSent(directory), sizes()]
    const ledger = await openLedger({ directory, materializers: [folder] })
    const archive = await ledger.zip("İstanbul/kept")
    const begun = archive.stream()[Symbol.asyncIterator]()
    const first = await begun.next()
    await ledger.delete({ artifact: "gone" })
    // Of `gone@2` the file that `kept` has too stays.
    expect(await ledger.sweep({ undoDays: 0 })).toMatchObject({ versions: 2, blobs: 3 })
    const rest = await buffer({ [Symbol.asyncIterator]: () => begun })
    expect(digestOf(first.value, rest)).toBe(before.digest)
    expect(digestOf(await buffer(archive.stream()))).toBe(before.digest)
    await ledger.close()
    expect(sizes().map(([name]) => name)).not.toEqual(packsBefore.map(([name]) => name))
    expect(await asSent(directory)).toEqual(before)
    const env = { ...process.env, TZ: "Asia/Kathmandu", LC_ALL: "tr_TR.UTF-8" }
    expect((await asTold(directory, process.execPath, env)).sent).toEqual(before)
  })

  it("is put together from any ranges, down to single bytes", async () => {
    const ledger = await opened({ directory: there, readOnly: true })
    const { size, stream } = await ledger.zip("İstanbul/kept")
    const whole = await buffer(stream())
    const cut = fc.integer({ min: 0, max: size })
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { maxLength: 20 }), async (cuts) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), size]
        const parts: Array<Buffer> = []
        for (const [at, end] of bounds.slice(1).entries())
          parts.push(await buffer(stream({ start: bounds[at] ?? 0, end })))
        expect(Buffer.concat(parts).equals(whole)).toBe(true)
      }),
      { numRuns: 20 },
    )
    const bytes = (from: number, to: number) => fc.integer({ min: from, max: to - 1 })
    const offset = fc.oneof(bytes(0, size), bytes(0, 300), bytes(size - 3_000, size))
    await fc.assert(
      fc.asyncProperty(offset, async (start) => {
        const byte = await buffer(stream({ start, end: start + 1 }))
        expect([...byte]).toEqual([whole[start]])
      }),
      { numRuns: 500 },
    )
  })
})

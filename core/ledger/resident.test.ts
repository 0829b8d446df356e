/**
 * Memory: a stream is saved, a version downloaded and an archive imported without being held. Each
 * is done by a program of its own, and counted is the most that this program ever had resident.
 *
 * `STREAM_BYTES` is the length of the stream, which needs three times that room on the disk;
 * `RESIDENT_BYTES` bounds the memory.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle, type Running, type Stage, start } from "./places.contract.js"

const streamBytes = Number(process.env.STREAM_BYTES ?? 300_000_000)
// Node alone takes 45 to 75 MiB. How much garbage V8 then lets lie depends on its release, and on
// how busy the machine is: 107 to 177 MiB were seen for a stream of this length.
const residentBytesMax = Number(process.env.RESIDENT_BYTES ?? 220 * 2 ** 20)
const patience = { timeout: 60_000 + streamBytes / 5_000 }

const home = mkdtempSync(join(tmpdir(), "daybook-resident-"))
const directory = join(home, "ledger")
const archive = join(home, "stream.zip")
let door = ""
beforeAll(() => {
  door = bundle(home)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** Saves a stream of which no chunk comes twice and none shrinks. */
const saveStream = async (stage: Stage, place: string, length: number): Promise<void> => {
  const ledger = await stage.openLedger(place)
  const piece = crypto.getRandomValues(new Uint8Array(65_536))
  const marks = new DataView(piece.buffer)
  let sent = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        // Closer to each other than any two cuts are.
        for (let at = 0; at < piece.length; at += 8_192) marks.setFloat64(at, sent + at)
        const bytes = Math.min(piece.length, length - sent)
        sent += bytes
        if (bytes === 0) controller.close()
        else controller.enqueue(piece.subarray(0, bytes))
      },
    },
    { highWaterMark: 0 },
  )
  const { size } = await ledger.save("stream", stream)
  await ledger.close()
  stage.tell({ size, maxRSS: process.resourceUsage().maxRSS })
  await stage.told()
}

const download = async (stage: Stage, place: string, path: string): Promise<void> => {
  const ledger = await stage.openLedger(place)
  const { size } = await ledger.download("stream", path)
  await ledger.close()
  stage.tell({ size, maxRSS: process.resourceUsage().maxRSS })
  await stage.told()
}

/** As a stream, which is kept in a file of the ledger until its end is there. */
const importStream = async (stage: Stage, place: string, path: string): Promise<void> => {
  const ledger = await stage.openLedger(place)
  const { size } = await ledger.importZip(stage.read(path), { name: "imported" })
  await ledger.close()
  stage.tell({ size, maxRSS: process.resourceUsage().maxRSS })
  await stage.told()
}

/** What a program told when it was done, and the most memory that it had had by then, in bytes. */
const done = async (program: Running) => {
  const { size, maxRSS } = (await program.line(0)) as { size: number; maxRSS: number }
  // On Linux maxRSS counts what the process that started it had at that moment.
  const isLinux = process.platform === "linux"
  const status = isLinux ? readFileSync(`/proc/${program.process.pid}/status`, "utf8") : ""
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? maxRSS
  program.say("end")
  expect(await program.ended).toBe(0)
  return { size, resident: Number(kibibytes) * 1_024 }
}

describe(`within ${residentBytesMax} bytes of resident memory`, patience, () => {
  it(`a stream of ${streamBytes} bytes is saved`, async () => {
    const { size, resident } = await done(start(door, saveStream, directory, streamBytes))
    expect(size).toBe(streamBytes)
    const packs = join(directory, "blob/packs")
    const stored = readdirSync(packs).map((name) => statSync(join(packs, name)).size)
    expect(stored.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(streamBytes)
    expect(resident).toBeLessThan(residentBytesMax)
  })

  it("and downloaded, as long as it was", async () => {
    const { size, resident } = await done(start(door, download, directory, archive))
    expect(size).toBeGreaterThan(streamBytes)
    expect(statSync(archive).size).toBe(size)
    expect(resident).toBeLessThan(residentBytesMax)
  })

  it("and its archive imported", async () => {
    const { size, resident } = await done(start(door, importStream, directory, archive))
    expect(size).toBe(streamBytes)
    expect(resident).toBeLessThan(residentBytesMax)
  })
})

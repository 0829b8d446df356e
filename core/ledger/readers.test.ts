/**
 * Several processes that read a ledger while another writes it: whatever each of them is answered,
 * it is so of some prefix of the writer's log, the same for all that is asked between two looks;
 * and nobody copies the packs.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import type { CoreRecorded } from "../event/catalog.js"
import { bundle, opened, programOf, Running, type Stage, start } from "./places.contract.js"
import { openLedger } from "./promise.js"

const turns = 40
const readerCount = 3

const home = mkdtempSync(join(tmpdir(), "daybook-readers-"))
let door = ""
beforeAll(() => {
  door = bundle(home)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/**
 * In each turn a version that is made live in the same commit, one of large content, and one that
 * is given up again: what stays of it is moved to other packs under the eyes of the readers.
 */
const write = async (stage: Stage, directory: string, turns: number): Promise<void> => {
  const ledger = await stage.openLedger({ directory, create: false })
  const noise = (): Uint8Array => crypto.getRandomValues(new Uint8Array(60_000))
  for (let turn = 1; turn <= turns; turn += 1) {
    await ledger.batch((b) => {
      const { id } = b.save("small", { turn })
      b.tag({ id }, "live")
      b.logMetadata({ artifact: "small" }, { turn })
    })
    const gone = `gone ${Math.ceil(turn / 5)}`
    await ledger.save(gone, noise())
    await ledger.save("large", Buffer.concat([Buffer.from(`${turn}`.padEnd(8)), noise(), noise()]))
    if (turn % 5 === 0) {
      await ledger.delete({ artifact: gone })
      await ledger.sweep({ undoDays: 0 })
    }
    stage.tell({ position: ledger.position })
  }
  await ledger.close()
}

/** What a reader was answered between two looks at what the writer has done. */
interface Look {
  readonly position: number
  /** Of all events behind those that it was told before. */
  readonly ids: ReadonlyArray<string>
  readonly latest: unknown
  readonly live: unknown
  readonly metadata: unknown
  /** What the content begins with. */
  readonly large: string | undefined
  readonly smalls: ReadonlyArray<string>
  readonly versions: number
  /** All files in its temporary directory. */
  readonly copies: ReadonlyArray<string>
}

/** Looks over and over until it is told that the writer has ended, and once more then. */
const read = async (stage: Stage, directory: string, folder: string): Promise<void> => {
  const files = (at: string): ReadonlyArray<string> => {
    try {
      return stage.names(at).flatMap((name) => files(`${at}/${name}`))
    } catch {
      return [at]
    }
  }
  let known = 0
  const look = async (ledger: Awaited<ReturnType<Stage["openLedger"]>>) => {
    const { position } = await ledger.refresh()
    const ids: Array<string> = []
    for await (const { id } of ledger.replay({ after: known })) ids.push(id)
    known += ids.length
    const isThere = (await ledger.find("large")) !== undefined
    const begin = isThere ? ((await ledger.load("large")) as Uint8Array).subarray(0, 8) : undefined
    const smalls: Array<string> = []
    for await (const { version } of ledger.versions({ name: "small" })) smalls.push(version)
    const hasSmall = smalls.length > 0
    return {
      ...{ position, ids, smalls, copies: files(folder) },
      latest: hasSmall ? await ledger.load("small") : undefined,
      live: hasSmall ? await ledger.load("small@live") : undefined,
      metadata: (await ledger.findArtifact("small"))?.metadata,
      large: begin && Buffer.from(begin).toString("latin1"),
      versions: (await ledger.stats()).versions,
    }
  }
  let isOver = false
  const told = stage.told().then(() => {
    isOver = true
  })
  let isLast = false
  while (!isLast) {
    const ledger = await stage.openLedger({ directory, readOnly: true })
    for (let at = 0; at < 4 && !isLast; at += 1) {
      isLast = isOver
      stage.tell(await look(ledger))
    }
    await ledger.close()
  }
  await told
}

const running = (program: Running): Running => {
  onTestFinished(() => program.kill())
  return program
}

/** Whether a file is of a copy of the log, of the views or of the index of the blobs. */
const isBorrowed = (name: string): boolean => /\/daybook-\w+\/(log|view|index)(-\d+)?\//.test(name)

/** What so many events of the log come to, as anybody would count them. */
const expectedAt = (events: ReadonlyArray<CoreRecorded>) => {
  const names = events.flatMap(({ type, data }) =>
    type === "version-saved" ? [data.artifact.name] : [],
  )
  const [small, large] = ["small", "large"].map(
    (name) => names.filter((one) => one === name).length,
  )
  const value = small === 0 ? {} : { latest: { turn: small }, live: { turn: small } }
  return {
    ...value,
    ...(small === 0 ? {} : { metadata: { turn: small } }),
    ...(large === 0 ? {} : { large: `${large}`.padEnd(8) }),
    versions: names.length,
    smalls: Array.from({ length: small ?? 0 }, (_, at) => `${at + 1}`),
  }
}

const eventsIn = async (directory: string): Promise<ReadonlyArray<CoreRecorded>> => {
  const ledger = await opened({ directory, readOnly: true })
  const events: Array<CoreRecorded> = []
  for await (const event of ledger.replay()) events.push(event as CoreRecorded)
  return events
}

describe("three readers beside a writer", () => {
  it("are told of prefixes of its log, and copy no pack", { timeout: 300_000 }, async () => {
    const directory = join(home, "ledger")
    const ledger = await openLedger(directory)
    await ledger.defineTag("live", { exclusive: true })
    await ledger.close()
    const folders = Array.from({ length: readerCount }, (_, at) => join(home, `copies ${at}`))
    const readers = folders.map((folder) => {
      mkdirSync(folder)
      const args = programOf(door, read, directory, folder)
      return running(new Running(process.execPath, args, { ...process.env, TMPDIR: folder }))
    })
    for (const reader of readers) await reader.line(0)
    const writer = running(start(door, write, directory, turns))
    expect(await writer.ended).toBe(0)
    for (const reader of readers) reader.say("end")
    expect(await Promise.all(readers.map(({ ended }) => ended))).toEqual(readers.map(() => 0))

    const events = await eventsIn(directory)
    const acknowledged = (writer.lines as ReadonlyArray<Pick<Look, "position">>).at(-1)
    expect(events).toHaveLength(acknowledged?.position ?? 0)
    for (const { lines } of readers) {
      const looks = lines as ReadonlyArray<Look>
      let told: ReadonlyArray<string> = []
      for (const { position, ids, copies, ...answers } of looks) {
        told = [...told, ...ids]
        const prefix = events.slice(0, position)
        expect(told).toEqual(prefix.map(({ id }) => id))
        const { smalls } = answers
        expect({ ...answers, smalls: smalls.toSorted((a, b) => Number(a) - Number(b)) }).toEqual(
          expectedAt(prefix),
        )
        expect(copies).not.toEqual([])
        expect(copies.filter((name) => name.endsWith(".pack") || !isBorrowed(name))).toEqual([])
      }
      expect(told).toHaveLength(events.length)
      // Not all of them before the writer began, or after it ended.
      expect(new Set(looks.map(({ position }) => position)).size).toBeGreaterThan(3)
    }
    for (const folder of folders) expect(readdirSync(folder)).toEqual([])
  })
})

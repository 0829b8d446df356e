/**
 * Opening ledgers that are damaged: what is left of them is read, what is lost is named, nothing
 * that was found is removed, and nothing is written.
 */
import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { isTable } from "../disk/database.js"
import { layoutOf, reserveBytes } from "./layout.js"
import { killed, largestLog, opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const count = 600

/** Positions 2 to 601 save versions 1 to 600. */
const saves = async (ledger: PromiseLedger): Promise<void> => {
  for (let n = 1; n <= count; n += 50)
    await ledger.saveAll(
      Array.from({ length: 50 }, (_, index) => ({ name: "a", value: `text ${n + index}` })),
    )
  // A list has the views stored, which otherwise may be behind.
  await ledger.listVersions({ limit: 1 })
}

const bytesIn = (directory: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(directory)
      .filter((name) => name !== "LOCK")
      .map((name) => [name, readFileSync(join(directory, name)).toString("base64")]),
  )

/** Damages bytes in the middle of a file. */
const scribble = (path: string, share = 0.5, bytes = 40): void => {
  const content = readFileSync(path)
  const at = Math.floor(content.length * share)
  writeFileSync(path, content.fill(0xa5, at, at + bytes))
}

/** Reads everything that the log still has; answers with the positions that are missing. */
const missing = async (ledger: PromiseLedger, head: number): Promise<ReadonlyArray<number>> => {
  const lost: Array<number> = []
  let after = 0
  while (after < head) {
    try {
      for await (const event of ledger.replay({ after })) {
        expect(event.position).toBe(after + 1)
        after = event.position
      }
      break
    } catch (error) {
      const { from, to } = error as { readonly from: number; readonly to: number }
      expect(error).toMatchObject({ _tag: "RecordCorrupted", from: after + 1 })
      for (let position = from; position <= to; position += 1) lost.push(position)
      after = to
    }
  }
  return lost
}

const positions = (ranges: PromiseLedger["trust"]["damaged"]): ReadonlyArray<number> =>
  ranges.flatMap(({ from = 0, to = -1 }) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index),
  )

describe("a log with a damaged stretch behind its seal", () => {
  it("is read around it, by name, again and again; nothing of it is removed", async () => {
    const directory = await killed({}, saves)
    const { log, quarantine } = layoutOf(directory)
    scribble(largestLog(log))
    const before = bytesIn(log)
    for (let turn = 0; turn < 3; turn += 1) {
      const ledger = await openLedger(directory)
      const { damaged, position, readOnly, root } = ledger.trust
      expect({ position, readOnly, root }).toEqual({ position: 601, readOnly: true })
      expect(damaged).toHaveLength(1)
      const [{ from = 0, to = 0, text } = { text: "" }] = damaged
      expect(text).toBe(
        `events ${from} to ${to} are missing or damaged, between ${from - 1} and ${to + 1}`,
      )
      expect(await missing(ledger, 601)).toEqual(positions(damaged))
      // The views had seen them all.
      expect(await ledger.load(`a@${from}`)).toBe(`text ${from}`)
      expect((await ledger.stats()).versions).toBe(count)
      const refused = { _tag: "LedgerReadOnly", message: expect.stringContaining("is damaged") }
      await expect(ledger.save("a", 1)).rejects.toMatchObject(refused)
      await expect(openLedger(directory)).rejects.toMatchObject({ _tag: "LedgerLocked" })
      await ledger.close()
      expect(bytesIn(log)).toEqual(before)
      expect(readdirSync(quarantine)).toEqual(["log-1"])
      expect(bytesIn(join(quarantine, "log-1"))).toEqual(before)
    }
    const reader = await opened({ directory, readOnly: true })
    expect(reader.trust.damaged).toHaveLength(1)
  })

  it("without views answers as of the last event before it", async () => {
    const directory = await killed({}, saves)
    scribble(largestLog(layoutOf(directory).log))
    rmSync(layoutOf(directory).view, { recursive: true })
    const ledger = await opened(directory)
    const [{ from = 0 } = {}, told] = ledger.trust.damaged
    expect(told?.text).toContain(`as of event ${from - 1}`)
    expect(ledger.position).toBe(from - 1)
    expect((await ledger.get("a")).number).toBe(from - 2)
    expect(await ledger.load("a")).toBe(`text ${from - 2}`)
  })
})

describe("a log that is shorter than its seal", () => {
  it("is read as far as it goes; what the views saw of the rest is told", async () => {
    const directory = join(temporary(), "ledger")
    const ledger = await openLedger(directory)
    await saves(ledger)
    await ledger.close()
    const { log } = layoutOf(directory)
    const path = largestLog(log)
    truncateSync(path, Math.floor(statSync(path).size * 0.7))
    const reader = await opened(directory)
    const { position, damaged } = reader.trust
    expect(position).toBeGreaterThan(100)
    expect(position).toBeLessThan(601)
    expect(damaged).toEqual([
      {
        from: position + 1,
        to: 601,
        text: expect.stringContaining(`missing or damaged, behind ${position}, at the end`),
      },
    ])
    expect(await reader.load("a@600")).toBe("text 600")
  })

  it("since it is an older copy is refused, and left alone", async () => {
    const directory = join(temporary(), "ledger")
    const { log, quarantine } = layoutOf(directory)
    const write = async (n: number): Promise<void> => {
      const ledger = await openLedger(directory)
      await ledger.save("a", n)
      await ledger.close()
    }
    await write(1)
    const older = join(temporary(), "older")
    cpSync(log, older, { recursive: true })
    await write(2)
    rmSync(log, { recursive: true })
    cpSync(older, log, { recursive: true })
    const before = bytesIn(log)
    await expect(openLedger(directory)).rejects.toMatchObject({
      _tag: "WrongLedger",
      expected: "3 events",
      found: "2 events",
    })
    expect(bytesIn(log)).toEqual(before)
    expect(readdirSync(quarantine)).toEqual([])
  })
})

describe("a log that LevelDB does not open", () => {
  /** A closed ledger whose log has tables. */
  const made = async (): Promise<string> => {
    const directory = join(temporary(), "ledger")
    for (let n = 0; n < 12; n += 1) {
      const ledger = await openLedger(directory)
      await ledger.saveAll(
        Array.from({ length: 50 }, (_, index) => ({ name: "a", value: `text ${n} ${index}` })),
      )
      await ledger.close()
    }
    return directory
  }

  const remove = (log: string, which: (name: string) => boolean): void => {
    const name = readdirSync(log).find(which)
    if (name === undefined) throw new Error("there is no such file to remove")
    renameSync(join(log, name), join(temporary(), name))
  }

  it.each([
    ["without CURRENT", (name: string) => name === "CURRENT"],
    ["without its manifest", (name: string) => name.startsWith("MANIFEST")],
  ])("%s is read whole all the same", async (_, which) => {
    const directory = await made()
    const { log } = layoutOf(directory)
    remove(log, which)
    const before = bytesIn(log)
    const ledger = await opened(directory)
    expect(ledger.trust).toMatchObject({ position: 601, readOnly: true })
    expect(ledger.trust.damaged).toEqual([{ text: expect.stringContaining("read out of them") }])
    expect(await missing(ledger, 601)).toEqual([])
    expect(await ledger.load("a")).toBe("text 11 49")
    expect(bytesIn(log)).toEqual(before)
  })

  it("for want of a table is read around what was in it", async () => {
    const directory = await made()
    const { log } = layoutOf(directory)
    const [, second] = readdirSync(log).filter(isTable)
    remove(log, (name) => name === second)
    const before = bytesIn(log)
    const ledger = await opened(directory)
    expect(ledger.trust.readOnly).toBe(true)
    const lost = positions(ledger.trust.damaged)
    expect(lost.length).toBeGreaterThan(0)
    expect(await missing(ledger, ledger.trust.position)).toEqual(lost)
    expect(bytesIn(log)).toEqual(before)
  })
})

describe("a seal that is damaged", () => {
  it("is kept as evidence, and made anew", async () => {
    const directory = join(temporary(), "ledger")
    await (await openLedger(directory)).close()
    const { tip, quarantine } = layoutOf(directory)
    writeFileSync(tip, "not a seal")
    const ledger = await openLedger(directory)
    await ledger.save("a", 1)
    await ledger.close()
    expect(readFileSync(join(quarantine, "tip-1"), "utf8")).toBe("not a seal")
    expect(await opened(directory)).toMatchObject({ trust: { sealed: 2, readOnly: false } })
  })
})

describe("the reserve", () => {
  it("is kept again when it is missing", async () => {
    const directory = join(temporary(), "ledger")
    await (await openLedger(directory)).close()
    const { reserve } = layoutOf(directory)
    rmSync(reserve)
    await opened(directory)
    expect(statSync(reserve).size).toBe(reserveBytes)
  })
})

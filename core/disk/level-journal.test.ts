/**
 * Record files: written here after the format's description, cut anywhere, with any bit turned.
 */
import { describe, expect, it } from "vitest"
import { crc32c } from "./crc32c.js"
import { Damage } from "./damage.js"
import { readJournal, salvageJournal } from "./level-journal.js"

const blockBytes = 32_768

const fragment = (type: number, body: Buffer): Buffer => {
  const typed = Buffer.concat([Buffer.of(type), body])
  const crc = crc32c(typed)
  const header = Buffer.alloc(6)
  header.writeUInt32LE(((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) % 2 ** 32, 0)
  header.writeUInt16LE(body.length, 4)
  return Buffer.concat([header, typed])
}

/** As the writer of LevelDB lays records out: no header across the end of a block. */
const journalOf = (bodies: ReadonlyArray<Buffer>): Buffer => {
  const parts: Array<Buffer> = []
  let at = 0
  const push = (part: Buffer) => {
    parts.push(part)
    at += part.length
  }
  for (const body of bodies) {
    let rest = body
    let isFirst = true
    do {
      const room = () => blockBytes - (at % blockBytes)
      if (room() < 7) push(Buffer.alloc(room()))
      const piece = rest.subarray(0, room() - 7)
      rest = rest.subarray(piece.length)
      const isLast = rest.length === 0
      push(fragment(isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3, piece))
      isFirst = false
    } while (rest.length > 0)
  }
  return Buffer.concat(parts)
}

const bodies = [20, 0, 32_700, 30, 70_000, 5, 1_000].map((size, at) => Buffer.alloc(size, `${at}`))
const whole = journalOf(bodies)
const read = (bytes: Buffer) => readJournal(bytes, "000007.log").records.map(({ body }) => body)

/** How many of the records are there, none of them wrong and none missing before another. */
const expectPrefix = (found: ReadonlyArray<Buffer>, why: string) =>
  expect(
    found.length <= bodies.length && found.every((one, at) => one.equals(bodies[at] ?? one)),
    why,
  ).toBe(true)

describe("a record file", () => {
  it("gives its records, whatever blocks they lie across, and where they end", () => {
    const { records, torn } = readJournal(whole, "x")
    expect(records.map(({ body }) => body)).toEqual(bodies)
    expect([torn, records[0]?.end, records.at(-1)?.end]).toEqual([false, 27, whole.length])
    expect(readJournal(Buffer.alloc(0), "x")).toEqual({ records: [], torn: false })
  })

  it("that was cut anywhere gives the records before the cut", () => {
    const ends = readJournal(whole, "x").records.map(({ end }) => end)
    const cuts = [...ends, blockBytes, 2 * blockBytes].flatMap((at) => [at - 1, at, at + 1, at + 6])
    for (const cut of cuts.filter((at) => at <= whole.length)) {
      const { records, torn } = readJournal(whole.subarray(0, cut), "x")
      expect(records.length, `cut at ${cut}`).toBe(ends.filter((end) => end <= cut).length)
      // A few bytes that begin a block are no header yet.
      expect(torn || ends.includes(cut), `cut at ${cut}`).toBe(true)
    }
  })

  it("with a bit turned is damaged, or has lost its end", () => {
    let refused = 0
    for (let at = 0; at < whole.length; at += at % 997 === 0 ? 1 : 83) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
      try {
        expectPrefix(read(bytes), `turned at ${at}`)
      } catch (cause) {
        if (!(cause instanceof Damage)) throw cause
        expect(cause.message).toContain("000007.log is damaged at ")
        refused += 1
      }
    }
    // Three blocks of four have one behind them.
    expect(refused).toBeGreaterThan(800)
  })

  it("of which a stretch is zero is damaged where something follows, else cut", () => {
    const hole = Buffer.from(whole).fill(0, 27, 20_000)
    expect(() => read(hole)).toThrow(Damage)
    const tail = Buffer.from(whole).fill(0, 40_000)
    expect(readJournal(tail, "x")).toMatchObject({ torn: true, records: { length: 4 } })
    expect(readJournal(Buffer.alloc(100_000), "x")).toMatchObject({ torn: true })
  })

  it("does not take the middle of a record for one", () => {
    const orphan = Buffer.concat([fragment(3, Buffer.from("x")), fragment(1, Buffer.from("y"))])
    expect(readJournal(orphan, "x")).toEqual({ records: [], torn: true })
    const unended = Buffer.concat([fragment(2, Buffer.from("x")), fragment(1, Buffer.from("y"))])
    expect(readJournal(unended, "x")).toEqual({ records: [], torn: true })
  })
})

describe("what is salvaged of a record file", () => {
  it("is every record of a whole one, of a cut one those before the cut", () => {
    expect([...salvageJournal(whole)]).toEqual(bodies)
    expect([...salvageJournal(whole.subarray(0, 50_000))]).toEqual(bodies.slice(0, 4))
  })

  it("is all but the one that is broken, where its length is not", () => {
    const at = whole.indexOf(Buffer.from("33333"))
    const bytes = Buffer.from(whole)
    bytes[at] = 0
    expect([...salvageJournal(bytes)]).toEqual(bodies.toSpliced(3, 1))
  })

  it("with any bit turned is of right records alone, from the next block on all of them", () => {
    for (let at = 0; at < whole.length; at += 83) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
      const found = [...salvageJournal(bytes)]
      const places = found.map((one) => bodies.findIndex((body) => body.equals(one)))
      expect(places).toEqual([...new Set(places)].filter((place) => place >= 0).sort())
      expect(places.length).toBeGreaterThanOrEqual(at < 3 * blockBytes ? 2 : 4)
    }
  })
})

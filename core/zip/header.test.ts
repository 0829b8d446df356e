import { describe, expect, it } from "vitest"
import {
  centralRestMax,
  endRecords,
  type Header,
  localHeaderLength,
  makeSheet,
  makeStamp,
  methodDeflate,
  methodStored,
  modes,
  writeCentralHeader,
  writeLocalHeader,
} from "./header.js"

const GiB4 = 2 ** 32

const header = (fields: Partial<Header> = {}): Header => {
  return {
    name: Buffer.from("a"),
    mode: modes.file,
    method: methodDeflate,
    crc32: 0xdeadbeef,
    size: 0x11223344,
    compressedSize: 0x00aabbcc,
    // 2024-02-29 12:34:56 UTC
    stamp: makeStamp(Date.UTC(2024, 1, 29, 12, 34, 56)),
    ...fields,
  }
}

const hex = (text: string): string => text.replaceAll(/\s/g, "")

const local = (one: Header): string => {
  const sheet = makeSheet(1_000)
  const end = writeLocalHeader(sheet, 10, one)
  expect(end - 10).toBe(localHeaderLength(one))
  expect(sheet.bytes.subarray(0, 10).equals(Buffer.alloc(10))).toBe(true)
  expect(sheet.bytes.subarray(end).equals(Buffer.alloc(1_000 - end))).toBe(true)
  return sheet.bytes.toString("hex", 10, end)
}

const central = (one: Header, offset: number): string => {
  const sheet = makeSheet(1_000)
  // A sheet is used again and again: nothing may rely on its zeros.
  sheet.bytes.fill(0xee)
  const end = writeCentralHeader(sheet, 10, one, offset)
  expect(end - 10).toBeLessThanOrEqual(one.name.length + centralRestMax)
  return sheet.bytes.toString("hex", 10, end)
}

// Signature, version needed, flags, method, time, date, CRC, compressed size, size, lengths, name.
const plainFields = "1400 0008 0800 5c64 5d58 efbeadde ccbbaa00 44332211 0100 0900"
const timestamp = "5554 0500 01 f079e065"

describe("local headers", () => {
  it("follow the table of the specification byte by byte", () => {
    expect(local(header())).toBe(hex(`504b0304 ${plainFields} 61 ${timestamp}`))
  })

  it("carry names as UTF-8, counted in bytes", () => {
    const text = local(header({ name: Buffer.from("ä/日") }))
    expect(text).toContain(`06000900${Buffer.from("ä/日").toString("hex")}`)
  })

  it.each([
    [{ size: 0xffffffff, compressedSize: 1 }, "ffffffff00000000 0100000000000000"],
    [{ size: GiB4 + 5, compressedSize: 0xfffffffe }, "0500000001000000 feffffff00000000"],
    [{ size: 7, compressedSize: 0xffffffff }, "0700000000000000 ffffffff00000000"],
    [{ size: 3 * GiB4, compressedSize: 2 * GiB4 + 1 }, "0000000003000000 0100000002000000"],
  ])("hold both sizes in a ZIP64 field when one is too big: %o", (sizes, values) => {
    const fields = "2d00 0008 0800 5c64 5d58 efbeadde ffffffff ffffffff 0100 1d00"
    const wide = `0100 1000 ${values}`
    expect(local(header(sizes))).toBe(hex(`504b0304 ${fields} 61 ${wide} ${timestamp}`))
  })

  it("have no ZIP64 field for the largest sizes that fit", () => {
    const text = local(header({ size: 0xfffffffe, compressedSize: 0xfffffffe }))
    expect(text).toContain(hex("feffffff feffffff 0100 0900 61 5554"))
  })
})

describe("central headers", () => {
  it("follow the table of the specification byte by byte", () => {
    const behind = "0000 0000 0000 0000 a481 04030201"
    const expected = hex(`504b0102 3f03 ${plainFields} ${behind} 61 ${timestamp}`)
    expect(central(header(), 0x01020304)).toBe(expected)
  })

  it.each([
    [modes.file, "0000 a481"],
    [modes.executable, "0000 ed81"],
    [modes.symlink, "0000 ffa1"],
    [modes.directory, "1000 ed41"],
  ])("say the mode %o in both systems' attributes", (mode, attributes) => {
    const text = central(header({ mode, method: methodStored }), 0)
    expect(text.slice(2 * 38, 2 * 42)).toBe(hex(attributes))
  })

  it.each([
    [{ size: GiB4, compressedSize: 9 }, 1, "0800 0000000001000000"],
    [{ size: 9, compressedSize: GiB4 }, 1, "0800 0000000001000000"],
    [{ size: 9, compressedSize: 9 }, 0xffffffff, "0800 ffffffff00000000"],
    [{ size: GiB4 + 1, compressedSize: 9 }, GiB4 + 2, "1000 0100000001000000 0200000001000000"],
    [
      { size: GiB4 + 1, compressedSize: GiB4 + 1 },
      GiB4 + 2,
      "1800 0100000001000000 0100000001000000 0200000001000000",
    ],
  ])("hold in a ZIP64 field what is too big, and only that: %o at %d", (sizes, offset, values) => {
    const text = central(header(sizes), offset)
    expect(text.slice(2 * 47)).toBe(hex(`0100 ${values} ${timestamp}`))
    expect(text.slice(2 * 6, 2 * 8)).toBe("2d00")
    const narrow = (value: number): string => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32LE(value >= 0xffffffff ? 0xffffffff : value)
      return bytes.toString("hex")
    }
    expect(text.slice(2 * 20, 2 * 24)).toBe(narrow(sizes.compressedSize))
    expect(text.slice(2 * 24, 2 * 28)).toBe(narrow(sizes.size))
    expect(text.slice(2 * 42, 2 * 46)).toBe(narrow(offset))
  })

  it("fill exactly what is said to be their longest form", () => {
    const sizes = { size: GiB4, compressedSize: GiB4, name: Buffer.alloc(100, "x") }
    expect(central(header(sizes), GiB4).length / 2).toBe(100 + centralRestMax)
  })
})

describe("modification times", () => {
  const dos = (time: number): string => {
    const { dos } = makeStamp(time)
    const [date, clock] = [Math.floor(dos / 0x10000), dos % 0x10000]
    const pad = (value: number): string => String(value).padStart(2, "0")
    const day = [1980 + (date >> 9), pad((date >> 5) & 15), pad(date & 31)].join("-")
    return `${day} ${[clock >> 11, (clock >> 5) & 63, (clock & 31) * 2].map(pad).join(":")}`
  }

  it.each([
    ["2024-02-29T12:34:56.000Z", "2024-02-29 12:34:56"],
    ["2024-12-31T23:59:59.999Z", "2024-12-31 23:59:58"],
    ["1980-01-01T00:00:00.000Z", "1980-01-01 00:00:00"],
    ["1979-12-31T23:59:59.999Z", "1980-01-01 00:00:00"],
    ["1970-01-01T00:00:00.000Z", "1980-01-01 00:00:00"],
    ["2107-12-31T23:59:59.000Z", "2107-12-31 23:59:58"],
    ["2108-01-01T00:00:00.000Z", "2107-12-31 23:59:58"],
    ["+275760-09-13T00:00:00.000Z", "2107-12-31 23:59:58"],
  ])("%s is %s in MS-DOS form", (time, expected) => {
    expect(dos(Date.parse(time))).toBe(expected)
  })

  it.each([
    [1_999, 1],
    [-1, -1],
    [-1_001, -2],
    [2_147_483_647_999, 2_147_483_647],
    [2_147_483_648_000, undefined],
    [-2_147_483_648_000, -2_147_483_648],
    [-2_147_483_648_001, undefined],
  ])("%d ms is %s in Unix seconds", (time, expected) => {
    expect(makeStamp(time).unix).toBe(expected)
  })

  it("leave the Unix field out when it cannot hold them, and write negative ones", () => {
    expect(local(header({ stamp: makeStamp(2 ** 41) })).slice(2 * 26)).toBe(hex("0100 0000 61"))
    expect(local(header({ stamp: makeStamp(-2_000) }))).toContain(hex("5554 0500 01 feffffff"))
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("%d is a defect", (time) => {
    expect(() => makeStamp(time)).toThrow("is no time")
  })
})

describe("end records", () => {
  const end = (count: number, start: number, length: number): string =>
    Buffer.from(endRecords({ count, start, length })).toString("hex")

  it("are 22 bytes for an empty archive", () => {
    expect(end(0, 0, 0)).toBe(hex("504b0506 00000000 0000 0000 00000000 00000000 0000"))
  })

  it("stay narrow for the largest numbers that fit", () => {
    expect(end(0xfffe, 0xfffffffe, 0xfffffffe)).toBe(
      hex("504b0506 00000000 feff feff feffffff feffffff 0000"),
    )
  })

  const wide = (count: string, length: string, start: string, at: string): string =>
    hex(`504b0606 2c00000000000000 3f03 2d00 00000000 00000000 ${count} ${count} ${length} ${start}
         504b0607 00000000 ${at} 01000000`)

  it.each([
    [
      "the count",
      end(0xffff, 0x10, 0x20),
      wide("ffff000000000000", "2000000000000000", "1000000000000000", "3000000000000000"),
      "504b0506 00000000 ffff ffff 20000000 10000000 0000",
    ],
    [
      "the start",
      end(1, GiB4 + 1, 0x20),
      wide("0100000000000000", "2000000000000000", "0100000001000000", "2100000001000000"),
      "504b0506 00000000 0100 0100 20000000 ffffffff 0000",
    ],
    [
      "the length",
      end(70_000, 0x10, 0xffffffff),
      wide("7011010000000000", "ffffffff00000000", "1000000000000000", "0f00000001000000"),
      "504b0506 00000000 ffff ffff ffffffff 10000000 0000",
    ],
  ])("have the ZIP64 ones before them when %s is too big", (_, text, records, narrow) => {
    expect(text).toBe(records + hex(narrow))
  })
})

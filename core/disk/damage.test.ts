/**
 * The cursor: what it reads, and that it reads nothing that is not there. Bytes that a disk did not
 * give are told from those that are damaged.
 */
import { describe, expect, it } from "vitest"
import { storageReason } from "../model/cause.js"
import { Cursor, Damage, Unread } from "./damage.js"

const over = (...bytes: ReadonlyArray<number>) => new Cursor(Buffer.from(bytes), "a file")

describe("a cursor", () => {
  it("reads numbers in groups of seven bits", () => {
    const cursor = over(0, 127, 0x80, 1, 0xac, 0x02, ...Array(7).fill(0xff), 0x0f)
    const numbers = [0, 127, 128, 300, 2 ** 53 - 1]
    expect(numbers.map(() => cursor.varint())).toEqual(numbers)
    expect(cursor.ended).toBe(true)
  })

  it("refuses numbers that are too large or never end", () => {
    for (const bytes of [[...Array(7).fill(0xff), 0x10], Array(9).fill(0x80), [0x80]])
      expect(() => over(...bytes).varint()).toThrow(Damage)
  })

  it("reads numbers of so many bytes, the lowest first", () => {
    const cursor = over(7, 1, 2, ...Array(4).fill(0xff), 1, 0, 0)
    expect([1, 2, 4].map((width) => cursor.little(width))).toEqual([7, 513, 0xffffffff])
    expect(() => cursor.little(4)).toThrow("a file ends too early, at 10")
  })

  it("copies few bytes and many, and no more than there are", () => {
    for (const length of [0, 1, 24, 25, 100]) {
      const bytes = Buffer.from(Array.from({ length }, (_, at) => at + 1))
      const to = Buffer.alloc(length + 2)
      new Cursor(bytes, "a file").copy(length, to, 1)
      expect(to).toEqual(Buffer.concat([Buffer.alloc(1), bytes, Buffer.alloc(1)]))
      expect(() => new Cursor(bytes, "a file").copy(length + 1, to, 0)).toThrow(Damage)
    }
  })

  it("takes no more than there is, whatever is claimed", () => {
    const cursor = over(2, 7, 8, 200, 1, 9)
    expect([...cursor.counted()]).toEqual([7, 8])
    expect(() => cursor.counted()).toThrow("a file ends too early, at 5")
    expect(cursor.byte()).toBe(9)
    expect(() => cursor.byte()).toThrow(Damage)
  })
})

describe("damage", () => {
  it("is told from bytes that the disk did not give", () => {
    expect(storageReason(new Damage("a file", "is damaged"))).toBe("damaged")
    const unread = new Unread("a file", Object.assign(new Error("no"), { code: "EIO" }))
    expect(unread).toBeInstanceOf(Damage)
    expect(unread.message).toBe("a file cannot be read")
    expect(storageReason(unread)).toBe("io")
  })
})

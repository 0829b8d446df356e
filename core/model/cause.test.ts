/**
 * Codes of foreign errors, wherever in the chain of causes they stand.
 */
import { describe, expect, it } from "vitest"
import { fromPlainError, hasCode, storageReason, toPlainError } from "./cause.js"

const coded = (code: unknown, cause?: unknown): Error =>
  Object.assign(new Error("foreign", { cause }), { code })

describe("the reason behind a foreign error", () => {
  it.each([
    ["ENOSPC", "full"],
    ["EDQUOT", "full"],
    ["EROFS", "read-only"],
    ["EACCES", "permission"],
    ["EPERM", "permission"],
    ["ENOENT", "missing"],
    ["ENOTDIR", "missing"],
    ["EIO", "io"],
    ["constructor", "io"],
  ])("with the code %s is %s", (code, reason) => {
    expect(storageReason(coded(code))).toBe(reason)
  })

  it("may lie behind the error that was thrown", () => {
    const wrapped = coded("LEVEL_IO_ERROR", new Error("middle", { cause: coded("ENOSPC") }))
    expect(storageReason(wrapped)).toBe("full")
    expect(storageReason(coded("EACCES", coded("ENOSPC")))).toBe("permission")
  })

  it("is found though causes go round in a circle", () => {
    const circle = new Error("x")
    circle.cause = new Error("y", { cause: circle })
    expect(storageReason(circle)).toBe("io")
  })

  it("is io where nothing is known", () => {
    for (const cause of [undefined, null, "ENOSPC", { code: "ENOSPC" }, new Error("x"), coded(7)])
      expect(storageReason(cause)).toBe("io")
  })
})

describe("a code", () => {
  it("is that of the error, or of one that caused it", () => {
    const wrapped = coded("LEVEL_DATABASE_NOT_OPEN", coded("LEVEL_LOCKED"))
    expect(hasCode(wrapped, "LEVEL_LOCKED")).toBe(true)
    expect(hasCode(wrapped, "LEVEL_DATABASE_NOT_OPEN")).toBe(true)
    expect(hasCode(wrapped, "ENOENT")).toBe(false)
    expect(hasCode({ code: "ENOENT" }, "ENOENT")).toBe(false)
  })
})

describe("an error that travels", () => {
  it("keeps its message and its codes, and nothing else", () => {
    const foreign = Object.assign(new Error("no"), { code: "EACCES", syscall: "open", more: 1 })
    const plain = toPlainError(foreign)
    expect(plain).toEqual({ message: "no", code: "EACCES", syscall: "open" })
    expect(fromPlainError(structuredClone(plain))).toMatchObject(plain)
    expect(storageReason(fromPlainError(plain))).toBe("permission")
    expect(toPlainError("text")).toEqual({ message: "text" })
  })
})

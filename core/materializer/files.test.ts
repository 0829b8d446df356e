/**
 * Text and JSON of files: strict, with the byte order mark, and errors that name the file.
 */
import { constants } from "node:buffer"
import { describe, expect, it } from "vitest"
import { LimitExceeded, TypeMismatch } from "../errors.js"
import { jsonTextLengthMax } from "../limits.js"
import { jsonText, parseJson, pieces, readText, textDecoder, wrongFile } from "./files.js"
import { filesOf } from "./materializer.contract.js"

describe("text", () => {
  it("keeps a byte order mark", async () => {
    const files = filesOf({ a: Uint8Array.of(0xef, 0xbb, 0xbf, 0x61) })
    expect(await readText(files, "a")).toBe("\ufeffa")
  })

  it("is put together from pieces that cut characters", () => {
    const decode = textDecoder("a")
    const bytes = Buffer.from("é日👩")
    const text = Array.from(bytes, (byte) => decode(Uint8Array.of(byte), true))
    expect(text.join("") + decode()).toBe("é日👩")
  })

  it.each([
    ["a byte that begins no character", [0xff]],
    ["half a character", [0xe6, 0x97]],
    ["half of a surrogate pair", [0xed, 0xa0, 0x80]],
  ])("is refused for %s", async (_, bytes) => {
    const text = readText(filesOf({ a: Uint8Array.from(bytes) }), "a")
    await expect(text).rejects.toThrow(TypeMismatch)
  })
})

describe("JSON", () => {
  it("is parsed, or refused by the path", () => {
    expect(parseJson('{"a":[1]}', "a")).toEqual({ a: [1] })
    expect(() => parseJson("{", "a[3]")).toThrow(expect.objectContaining({ path: "a[3]" }))
  })

  it("that no string can hold is a limit, not a crash", () => {
    // As V8 answers to a text of more than 2^29 characters, without making one.
    const toJSON = () => "x".repeat(constants.MAX_STRING_LENGTH + 1)
    const text = () => jsonText({ toJSON })
    expect(text).toThrow(LimitExceeded)
    expect(text).toThrow(
      expect.objectContaining({ limit: "jsonTextLengthMax", allowed: jsonTextLengthMax }),
    )
    expect(constants.MAX_STRING_LENGTH).toBeGreaterThanOrEqual(jsonTextLengthMax)
  })
})

describe("pieces", () => {
  it("come in order", async () => {
    const seen: Array<number> = []
    for await (const piece of pieces([Uint8Array.of(1), Uint8Array.of(2)])) seen.push(...piece)
    expect(seen).toEqual([1, 2])
  })
})

describe("a file of another form", () => {
  it("names the file", () => {
    const error = wrongFile("data.json", "is not JSON")
    expect(error).toBeInstanceOf(TypeMismatch)
    expect(error).toMatchObject({ path: "data.json", kind: "conflict" })
    expect(error.message).toBe("the stored file data.json is not JSON")
  })
})

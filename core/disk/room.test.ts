import { tmpdir } from "node:os"
import { describe, expect, it } from "vitest"
import { writeCause } from "./room.js"

const diskError = (code: string): Error => Object.assign(new Error(code), { code })
const directory = tmpdir

describe("the cause of a failed write", () => {
  it("is a full disk where it says nothing and no room is left", async () => {
    const silent = new Error("IO error", { cause: new Error("as LevelDB has it") })
    const room = (bytes: number) => () => Promise.resolve(bytes)
    const found = await writeCause(directory(), silent, room(4_096))
    expect(found).toMatchObject({ code: "ENOSPC", cause: silent })
    expect(await writeCause(directory(), silent, room(1e9))).toBe(silent)
    const unknown = () => Promise.reject(diskError("EIO"))
    expect(await writeCause(directory(), silent, unknown)).toBe(silent)
    const said = diskError("EROFS")
    expect(await writeCause(directory(), said, room(0))).toBe(said)
  })
})

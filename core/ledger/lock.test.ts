import { readFileSync, rmSync, writeFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { layoutOf } from "./layout.js"
import { lock } from "./lock.js"
import { temporary } from "./places.contract.js"

const holding = <A, E>(directory: string, body: Effect.Effect<A, E>) =>
  Effect.runPromise(Effect.scoped(Effect.andThen(lock(directory), body)))

const second = (directory: string) => Effect.scoped(Effect.flip(lock(directory)))

describe("the lock", () => {
  it("names the process that holds it, and gives way when it lets go", async () => {
    const directory = temporary()
    const refusal = await holding(directory, second(directory))
    expect(refusal).toMatchObject({ _tag: "LedgerLocked", directory, pid: process.pid })
    expect(refusal.message).toContain(String(process.pid))
    expect(Number(readFileSync(layoutOf(directory).owner, "utf8"))).toBe(process.pid)
    await expect(holding(directory, Effect.succeed("mine"))).resolves.toBe("mine")
  })

  it("is let go when what it was held for fails", async () => {
    const directory = temporary()
    await expect(holding(directory, Effect.die(new Error("oops")))).rejects.toThrow("oops")
    await expect(holding(directory, Effect.succeed("mine"))).resolves.toBe("mine")
  })

  it("stays with its holder when a second one is refused", async () => {
    const directory = temporary()
    const twice = Effect.all([second(directory), second(directory)])
    const refusals = await holding(directory, twice)
    expect(refusals.map(({ _tag }) => _tag)).toEqual(["LedgerLocked", "LedgerLocked"])
  })

  it.each(["", "not a number", "-4", "1.5"])("makes up no owner out of %j", async (text) => {
    const directory = temporary()
    const spoilt = Effect.suspend(() => {
      writeFileSync(layoutOf(directory).owner, text)
      return second(directory)
    })
    const refusal = await holding(directory, spoilt)
    expect(refusal._tag).toBe("LedgerLocked")
    expect(refusal).not.toHaveProperty("pid")
  })

  it("is not taken from a process whose note is gone", async () => {
    const directory = temporary()
    const erased = Effect.suspend(() => {
      rmSync(layoutOf(directory).owner)
      return second(directory)
    })
    expect((await holding(directory, erased))._tag).toBe("LedgerLocked")
  })

  it("says what is in its way when it cannot be taken at all", async () => {
    const directory = temporary()
    writeFileSync(layoutOf(directory).lock, "a file")
    expect(await Effect.runPromise(second(directory))).toMatchObject({
      _tag: "LogFailure",
      operation: "lock",
      outcome: "none",
    })
    expect(readFileSync(layoutOf(directory).lock, "utf8")).toBe("a file")
  })
})

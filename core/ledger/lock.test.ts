/**
 * The lock: who holds it, who is told so, and that nothing but its holder's end lets go of it.
 */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import promises from "node:fs/promises"
import { createRequire, syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { layoutOf } from "./layout.js"
import { lock } from "./lock.js"
import { Running, temporary } from "./places.contract.js"

const holding = <A, E>(directory: string, body: Effect.Effect<A, E>) =>
  Effect.runPromise(Effect.scoped(Effect.andThen(lock(directory), body)))

const second = (directory: string) => Effect.scoped(Effect.flip(lock(directory)))

/** Another process that opens the same LevelDB, tells how that went, and stays until it is told. */
const stranger = async (directory: string): Promise<Running> => {
  const level = createRequire(import.meta.url).resolve("level")
  const script = `
    const { Level } = require(${JSON.stringify(level)})
    const tell = (value) => console.log(JSON.stringify(value))
    new Level(${JSON.stringify(layoutOf(directory).lock)}).open().then(
      () => tell("open"), (error) => tell(error.cause.code))
    process.stdin.resume()`
  const running = new Running(process.execPath, ["-e", script])
  onTestFinished(() => running.kill())
  await running.line(0)
  return running
}

describe("the lock", () => {
  it("names the process that holds it, and gives way when it lets go", async () => {
    const directory = temporary()
    const refusal = await holding(directory, second(directory))
    expect(refusal).toMatchObject({ _tag: "LedgerLocked", directory, pid: process.pid })
    expect(refusal.message).toContain(String(process.pid))
    expect(existsSync(layoutOf(directory).owner)).toBe(false)
    await expect(holding(directory, Effect.succeed("mine"))).resolves.toBe("mine")
  })

  it("is let go when what it was held for fails", async () => {
    const directory = temporary()
    await expect(holding(directory, Effect.die(new Error("oops")))).rejects.toThrow("oops")
    await expect(holding(directory, Effect.succeed("mine"))).resolves.toBe("mine")
  })

  it("is taken whatever became of its files, for they hold nothing", async () => {
    const directory = temporary()
    const { lock: path } = layoutOf(directory)
    const take = () => holding(directory, Effect.succeed("mine"))
    const damages: ReadonlyArray<(name: string) => void> = [
      (name) => writeFileSync(join(path, name), readFileSync(join(path, name)).fill(7)),
      (name) => writeFileSync(join(path, name), ""),
      (name) => rmSync(join(path, name)),
    ]
    for (const damage of damages)
      for (const name of ["CURRENT", "MANIFEST", ".log", "LOCK"]) {
        await take()
        for (const one of readdirSync(path)) if (one.includes(name)) damage(one)
        await expect(take()).resolves.toBe("mine")
      }
  })

  it("is let go, for this process too, though the note of its holder stays", async () => {
    const directory = temporary()
    const spy = vi.spyOn(promises, "rm").mockRejectedValueOnce(new Error("the disk failed"))
    syncBuiltinESMExports()
    await expect(holding(directory, Effect.succeed("mine"))).resolves.toBe("mine")
    spy.mockRestore()
    syncBuiltinESMExports()
    expect(readFileSync(layoutOf(directory).owner, "utf8")).toBe("")
    await expect(holding(directory, Effect.succeed("again"))).resolves.toBe("again")
  })

  it("stays with its holder when a second one in its process is refused, by any path", async () => {
    const directory = temporary()
    const alias = join(temporary(), "alias")
    symlinkSync(directory, alias, "junction")
    const twice = Effect.all([second(directory), second(alias)])
    const refusals = await holding(
      directory,
      Effect.tap(twice, () =>
        Effect.promise(async () =>
          expect((await stranger(directory)).lines).toEqual(["LEVEL_LOCKED"]),
        ),
      ),
    )
    expect(refusals.map(({ _tag }) => _tag)).toEqual(["LedgerLocked", "LedgerLocked"])
    expect((await stranger(directory)).lines).toEqual(["open"])
  })

  it("stays with its holder when another thread, or copy of this module, asks for it", async () => {
    const directory = temporary()
    // What one of those sees: the note of this very process, and nothing that it holds itself.
    const place = join(temporary(), "copy")
    await holding(
      directory,
      Effect.sync(() => {
        const [pid, started] = readFileSync(layoutOf(directory).owner, "utf8").split("\n")
        expect([Number(pid), Number(started)]).toEqual([
          process.pid,
          expect.closeTo(Date.now() - process.uptime() * 1_000, -3),
        ])
        cpSync(directory, place, { recursive: true })
      }),
    )
    const refusal = await Effect.runPromise(second(place))
    expect(refusal).toMatchObject({ _tag: "LedgerLocked", pid: process.pid })
    // An earlier process of the same number, as in a container that began again.
    writeFileSync(layoutOf(place).owner, `${process.pid}\n${Date.now() - 86_400_000}\n`)
    await expect(holding(place, Effect.succeed("mine"))).resolves.toBe("mine")
  })

  it("is let go by the system when its holder is killed", async () => {
    const directory = temporary()
    const other = await stranger(directory)
    writeFileSync(layoutOf(directory).owner, `${other.process.pid}\n`)
    const refusal = await Effect.runPromise(second(directory))
    expect(refusal).toMatchObject({ _tag: "LedgerLocked", pid: other.process.pid })
    await other.kill()
    await expect(holding(directory, Effect.succeed("mine"))).resolves.toBe("mine")
  })

  it("makes up no owner out of a note that names none", async () => {
    const directory = temporary()
    await stranger(directory)
    for (const note of ["", "not a number", "-4", "1.5", undefined]) {
      if (note === undefined) rmSync(layoutOf(directory).owner)
      else writeFileSync(layoutOf(directory).owner, note)
      const refusal = await Effect.runPromise(second(directory))
      expect(refusal._tag).toBe("LedgerLocked")
      expect(refusal).not.toHaveProperty("pid")
    }
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

/**
 * Disks that are full, read-only or forbidden, and other processes in the way: opening and writing
 * fail by name, and everything that was acknowledged is there when the obstacle is gone.
 */
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { devNull, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { layoutOf, reserveBytes } from "./layout.js"
import { bundle, opened, programOf, Running, type Stage, start } from "./places.contract.js"
import { openLedger } from "./promise.js"

// Others must be able to reach what a program without rights opens.
const home = mkdtempSync(join(tmpdir(), "daybook-disk-"))
let door = ""
beforeAll(() => {
  chmodSync(home, 0o755)
  door = bundle(home)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

let count = 0
const place = (): string => {
  count += 1
  return join(home, `ledger ${count}`)
}

const made = async (): Promise<string> => {
  const directory = place()
  const ledger = await openLedger(directory)
  await ledger.save("a", 1)
  await ledger.close()
  return directory
}

/** Opens a ledger, tells how that went, and holds it until it is told to go. */
const hold = async (stage: Stage, directory: string): Promise<void> => {
  try {
    const ledger = await stage.openLedger(directory)
    stage.tell({ position: ledger.position })
    await stage.told()
    await ledger.close()
  } catch (error) {
    const { _tag, kind, pid, message, reason } = error as Readonly<Record<string, unknown>>
    stage.tell({ _tag, kind, pid, message, reason })
  }
}

/** The same, without the rights of an administrator, whom no mode keeps out. */
const holdAsNobody = async (stage: Stage, directory: string): Promise<void> => {
  if (process.getuid?.() === 0) {
    process.setgid?.(65_534)
    process.setuid?.(65_534)
  }
  try {
    const ledger = await stage.openLedger(directory)
    stage.tell({ position: ledger.position })
  } catch (error) {
    const { _tag, kind, message, reason } = error as Readonly<Record<string, unknown>>
    stage.tell({ _tag, kind, message, reason })
  }
}

const running = (program: Running): Running => {
  onTestFinished(() => program.kill())
  return program
}

describe("another process", () => {
  it("that has the ledger open is named; the second opener leaves it alone", async () => {
    const directory = await made()
    const first = running(start(door, hold, directory))
    expect(await first.line(0)).toEqual({ position: 2 })
    const { pid } = first.process
    const locked = { _tag: "LedgerLocked", kind: "unavailable", directory, pid }
    await expect(openLedger(directory)).rejects.toMatchObject(locked)
    const third = running(start(door, hold, directory))
    expect(await third.line(0)).toMatchObject({ _tag: "LedgerLocked", pid })
    first.say("go")
    expect(await first.ended).toBe(0)
    expect((await opened(directory)).position).toBe(2)
  })

  it("that is killed leaves the ledger free", async () => {
    const directory = await made()
    const first = running(start(door, hold, directory))
    await first.line(0)
    await first.kill()
    expect((await opened(directory)).position).toBe(2)
  })

  it("that is refused by this one does not let go of its lock", async () => {
    const directory = await made()
    await opened(directory)
    await expect(openLedger(directory)).rejects.toMatchObject({ pid: process.pid })
    const other = running(start(door, hold, directory))
    expect(await other.line(0)).toMatchObject({ _tag: "LedgerLocked", pid: process.pid })
  })
})

/** Makes ledgers, one after the other, until it is killed. */
const make = async (stage: Stage, folder: string): Promise<void> => {
  stage.tell("loaded")
  await stage.told()
  for (let turn = 0; ; turn += 1) {
    const ledger = await stage.openLedger(`${folder}/${turn}`)
    stage.tell(turn)
    await ledger.close()
  }
}

describe("a kill while a ledger is made", () => {
  it("leaves a whole ledger or none", async () => {
    for (let round = 0; round < 4; round += 1) {
      const folder = place()
      const program = running(start(door, make, folder))
      await program.line(0)
      program.say("begin")
      await program.line(1 + (round % 3))
      // Somewhere in the making of the next one.
      for (let turn = 0; turn < round * 6; turn += 1) await new Promise(setImmediate)
      await program.kill()
      const made = program.lines.slice(1)
      const found = readdirSync(folder).filter((name) => !name.startsWith("."))
      expect(found.map(Number)).toEqual(expect.arrayContaining(made as Array<number>))
      for (const name of [...found, "next"]) {
        const ledger = await openLedger(join(folder, name))
        expect(ledger.position).toBe(1)
        await ledger.close()
      }
    }
  })
})

describe("a directory that may not be written", () => {
  it("is refused for a ledger that is there, and for one to be made", async () => {
    const directory = await made()
    const folder = place()
    cpSync(directory, join(folder, "there"), { recursive: true })
    chmodSync(folder, 0o555)
    for (const path of [directory, join(folder, "there"), join(folder, "new")]) {
      if (path !== join(folder, "new")) chmodSync(path, 0o555)
      const program = running(start(door, holdAsNobody, path))
      const refused = await program.line(0)
      expect(refused).toMatchObject({
        _tag: "LogFailure",
        kind: "unavailable",
        reason: "permission",
        message: expect.stringContaining(path),
      })
      await program.ended
    }
    for (const path of [folder, join(folder, "there")]) chmodSync(path, 0o755)
    expect(readdirSync(folder)).toEqual(["there"])
    chmodSync(directory, 0o755)
    const ledger = await opened(directory)
    expect(await ledger.load("a")).toBe(1)
  })
})
const mount = (...args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync("mount", args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** A folder that is a disk of its own, of that many bytes. */
const mounted = (folder: string, bytes: number): boolean =>
  mount("-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder)

const unmount = (folder: string): void => void execFileSync("umount", ["--lazy", folder])

/** Whether this process may mount: then disks of any size and kind are at hand. */
const mayMount = mounted(home, 4_096)
if (mayMount) unmount(home)
const without = mayMount ? "" : " (skipped: this process may not mount a disk)"

const disk = (bytes: number): string => {
  const folder = place()
  mkdirSync(folder)
  expect(mounted(folder, bytes)).toBe(true)
  onTestFinished(() => unmount(folder))
  return folder
}

describe("a place where nothing can be made", () => {
  it("is refused by name", async () => {
    const directory = join(devNull, "ledger")
    await expect(openLedger(directory)).rejects.toMatchObject({
      _tag: "LogFailure",
      outcome: "none",
      message: expect.stringContaining(directory),
    })
  })

  it.skipIf(!mayMount)(
    `for now, as a read-only disk, is refused until it is writable${without}`,
    async () => {
      const folder = disk(32 * 2 ** 20)
      const directory = join(folder, "ledger")
      const ledger = await openLedger(directory)
      await ledger.save("a", 1)
      await ledger.close()
      mount("-o", "remount,ro", folder)
      const readOnly = { _tag: "LogFailure", reason: "read-only", outcome: "none" }
      await expect(openLedger(directory)).rejects.toMatchObject(readOnly)
      await expect(openLedger(join(folder, "new"))).rejects.toMatchObject(readOnly)
      // But it can be read there.
      const reader = await openLedger({ directory, readOnly: true })
      expect(await reader.load("a")).toBe(1)
      await reader.close()
      mount("-o", "remount,rw", folder)
      expect(readdirSync(folder)).toEqual(["ledger"])
      expect(await (await opened(directory)).load("a")).toBe(1)
    },
  )
})

/** Writes until it cannot, once more after that, and closes. */
const fill = async (stage: Stage, directory: string, what: string): Promise<void> => {
  const ledger = await stage.openLedger(directory)
  const noise = (): Uint8Array => crypto.getRandomValues(new Uint8Array(60_000))
  const text = (): string => Buffer.from(noise()).toString("hex").slice(0, 12_000)
  const write = (n: number): Promise<{ readonly position: number }> =>
    what === "content"
      ? ledger.save(`noise ${n}`, noise())
      : ledger.logMetadata({ artifact: "a" }, { n, text: text() })
  const fail = (error: unknown): void => {
    const { _tag, kind, outcome, reason, message } = error as Readonly<Record<string, unknown>>
    stage.tell({ _tag, kind, outcome, reason, message })
  }
  for (let n = 1; n <= 2; n += 0) {
    try {
      const { position } = await write(ledger.position)
      stage.tell({ position })
    } catch (error) {
      fail(error)
      n += 1
    }
  }
  // No seal can be written where there is no room.
  await ledger.close().catch(fail)
}

/** Fills the disk with versions, deletes most of them, and sweeps when nothing fits any more. */
const fillAndSweep = async (stage: Stage, directory: string): Promise<void> => {
  const ledger = await stage.openLedger(directory)
  const noise = (): Uint8Array => crypto.getRandomValues(new Uint8Array(60_000))
  let count = 0
  try {
    for (; ; count += 1) await ledger.save("noise", noise())
  } catch (error) {
    const { reason } = error as { readonly reason?: string }
    stage.tell({ count, reason })
  }
  await ledger.close().catch(() => undefined)
  const again = await stage.openLedger(directory)
  const { count: gone } = await again.prune({ where: { name: "noise" }, keepLast: 5 })
  const before = stage.room(directory)
  const { versions, bytes } = await again.sweep({ undoDays: 0 })
  const given = stage.room(directory) - before
  const isReserved = stage.names(directory).includes("reserve")
  const { version } = await again.save("noise", noise())
  stage.tell({ gone, versions, bytes, before, given, isReserved, version })
  await again.close()
}

describe("a disk that is full", () => {
  it.skipIf(!mayMount)(`has room again after a sweep${without}`, async () => {
    const directory = join(disk(8 * 2 ** 20), "ledger")
    const program = running(start(door, fillAndSweep, directory))
    expect(await program.ended).toBe(0)
    const [full, swept] = program.lines as ReadonlyArray<Readonly<Record<string, number>>>
    expect(full).toMatchObject({ reason: "full" })
    const count = full?.count ?? 0
    expect(count).toBeGreaterThan(20)
    expect(swept).toMatchObject({ gone: count - 5, versions: count - 5, version: `${count + 1}` })
    expect(swept?.bytes).toBeGreaterThan((count - 5) * 60_000)
    // What is made of the room at once: the reserve again, and events that say what went.
    expect(swept).toMatchObject({ isReserved: true })
    expect(swept?.before).toBeLessThan(reserveBytes)
    expect((swept?.given ?? 0) + reserveBytes).toBeGreaterThan(0.9 * (swept?.bytes ?? 0))
    const ledger = await opened(directory)
    expect(await ledger.load(`noise@${count}`)).toHaveLength(60_000)
    expect(await ledger.verify({ depth: "blobs" })).toMatchObject({ whole: true })
  })
})

interface FullDisk {
  readonly directory: string
  readonly program: Running
  readonly makeRoom: () => void
  /** Of the write that found no room. */
  readonly reason: string
}

type Prepare = (directory: string, what: string) => FullDisk

/** Works everywhere, but says EFBIG where a disk says ENOSPC. */
const limited: Prepare = (directory, what) => {
  const shell = 'trap "" XFSZ; ulimit -f 2048; exec "$0" "$@"'
  const program = [process.execPath, ...programOf(door, fill, directory, what)]
  return {
    directory,
    program: new Running("sh", ["-c", shell, ...program]),
    makeRoom: () => undefined,
    reason: "io",
  }
}

const small: Prepare = (given, what) => {
  const folder = disk(5 * 2 ** 20)
  const directory = join(folder, "ledger")
  cpSync(given, directory, { recursive: true })
  return {
    directory,
    program: start(door, fill, directory, what),
    makeRoom: () => mount("-o", `remount,size=${2 ** 26}`, folder),
    reason: "full",
  }
}

const losesNothing = async (prepare: Prepare, what: string): Promise<void> => {
  const full = prepare(await made(), what)
  const program = running(full.program)
  expect(await program.ended).toBe(0)
  const lines = program.lines as ReadonlyArray<Readonly<Record<string, unknown>>>
  const acknowledged = lines.flatMap(({ position }) => (position === undefined ? [] : [position]))
  expect(acknowledged.length).toBeGreaterThan(5)
  const failures = lines.filter(({ position }) => position === undefined)
  expect(failures[0]).toMatchObject({ reason: full.reason })
  for (const failure of failures)
    expect(failure).toMatchObject({
      _tag: expect.stringMatching(/^(Log|View|Blob)Failure$/),
      kind: "unavailable",
      message: expect.stringMatching(/^[a-z/][^\n]+$/),
    })
  full.makeRoom()
  const ledger = await opened(full.directory)
  expect(ledger.trust.damaged).toEqual([])
  expect(ledger.position).toBeGreaterThanOrEqual(Number(acknowledged.at(-1)))
  for await (const version of ledger.versions()) expect(await ledger.load(version)).toBeDefined()
  const { position } = await ledger.save("a", 2)
  expect(position).toBe(ledger.position)
}

describe.each(["content", "events"])(
  "a disk that is full of %s loses nothing that it took",
  (what) => {
    it("where files may have 1 MiB", () => losesNothing(limited, what))

    it.skipIf(!mayMount)(`where it has 5 MiB${without}`, () => losesNothing(small, what))
  },
)

/** Leaves no block of a disk free. */
const stuff = (folder: string): string => {
  const path = join(folder, "stuffing")
  const file = openSync(path, "w")
  for (let bytes = 1_048_576; bytes >= 4_096; )
    try {
      if (writeSync(file, Buffer.alloc(bytes)) < bytes) bytes /= 2
    } catch {
      bytes /= 2
    }
  closeSync(file)
  return path
}

describe("a disk without any room", () => {
  it.skipIf(!mayMount)(`opens by the reserve, which is kept again${without}`, async () => {
    const folder = disk(8 * 2 ** 20)
    const directory = join(folder, "ledger")
    cpSync(await made(), directory, { recursive: true })
    const stuffing = stuff(folder)
    const { reserve } = layoutOf(directory)
    const ledger = await openLedger(directory)
    expect(existsSync(reserve)).toBe(false)
    expect(await ledger.load("a")).toBe(1)
    rmSync(stuffing)
    await ledger.save("a", 2)
    await ledger.close()
    expect(await (await opened(directory)).load("a")).toBe(2)
    expect(statSync(reserve).size).toBe(reserveBytes)
  })
})

/** Opens a ledger, does nothing more with it, and does not close it. */
const idle = async (stage: Stage, directory: string): Promise<void> => {
  const ledger = await stage.openLedger(directory)
  stage.tell(await ledger.load("a"))
}

describe("a program that leaves its ledger open", () => {
  it("ends when it has nothing more to do", async () => {
    const program = running(start(door, idle, await made()))
    expect(await program.ended).toBe(0)
    expect(program.lines).toEqual([1])
  })
})

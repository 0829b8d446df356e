/**
 * Where tests keep ledgers: temporary directories, stores in memory that outlive a ledger and can
 * be told to fail, and processes of their own that may be killed.
 *
 * Knows how a ledger is opened and closed, not what it does in between.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { onTestFinished } from "vitest"
import * as MemoryBlobs from "../blob/memory.js"
import type { Failure, LogFailure, Refusal } from "../errors.js"
import { EventLog } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import * as MemoryLog from "../log/memory.js"
import { hasCode } from "../model/cause.js"
import * as MemoryViews from "../view/memory.js"
import type { LedgerApi } from "./api.js"
import { firstRecord, newIdentity, readIdentity } from "./create.js"
import type { Identity } from "./identity.js"
import { layoutOf } from "./layout.js"
import { Ledger, type LedgerOptions, layerNoDeps } from "./ledger.js"
import type { OpenOptions } from "./local.js"
import type { Place } from "./place.js"
import { openLedger, type PromiseLedger, type recover } from "./promise.js"
import type { WriteSeal } from "./seal.js"
import type { Tip } from "./tip.js"

/** A directory that is gone after the test. */
export const temporary = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "daybook-ledger-"))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A ledger that is closed after the test; in memory unless told otherwise. */
export const opened = async (
  options: string | OpenOptions = { memory: true },
): Promise<PromiseLedger> => {
  const ledger = await openLedger(options)
  onTestFinished(() => ledger.close())
  return ledger
}

/** Copies a directory that is in use; anew, where a file of it went meanwhile. */
export const copyInUse = (from: string, to: string): void => {
  for (let isDone = false; !isDone; )
    try {
      cpSync(from, to, { recursive: true })
      isDone = true
    } catch (cause) {
      if (!hasCode(cause, "ENOENT")) throw cause
      rmSync(to, { recursive: true, force: true })
    }
}

/** A copy of a ledger that is open, as its files are at this moment: as if it had been killed. */
export const killed = async (
  options: Omit<OpenOptions, "directory">,
  write: (ledger: PromiseLedger) => Promise<unknown>,
): Promise<string> => {
  const directory = join(temporary(), "ledger")
  const copy = join(temporary(), "copy")
  const ledger = await openLedger({ ...options, directory })
  await write(ledger)
  copyInUse(directory, copy)
  rmSync(layoutOf(copy).owner)
  await ledger.close()
  return copy
}

/** The write-ahead log of a LevelDB directory that has something in it. */
export const largestLog = (directory: string): string => {
  const logs = readdirSync(directory).filter((name) => name.endsWith(".log"))
  const sizes = logs.map((name) => [statSync(join(directory, name)).size, name] as const)
  return join(directory, sizes.sort(([a], [b]) => b - a)[0]?.[1] ?? "")
}

/** What the files in a directory take, those of the directories in it left out. */
export const bytesIn = (directory: string): number =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { name }) => sum + statSync(join(directory, name)).size, 0)

/** All that who only reads must not change; only the time of the last look is not asked. */
export const stamps = (directory: string): ReadonlyArray<string> =>
  [".", ...readdirSync(directory, { recursive: true, encoding: "utf8" })].map((path) => {
    const { size, mtimeMs, ctimeMs, nlink, mode, ino } = statSync(join(directory, path))
    return [path, size, mtimeMs, ctimeMs, nlink, mode, ino].join(" ")
  })

/** What the stores of a place are told to do wrong, from the next operation on. */
export interface Failpoints {
  log?: MemoryLog.Failpoint
  view?: MemoryViews.Failpoint
  blob?: MemoryBlobs.Failpoint
  seal?: LogFailure
}

/** A place in memory that stays when its ledger is closed, or stopped in the middle. */
export class MemoryPlace implements Place {
  readonly identity: Identity
  readonly directory = "memory"
  readonly records: Array<Uint8Array>
  readonly rows = new Map<string, Uint8Array>()
  readonly blobs: MemoryBlobs.MemoryBlobs
  readonly fail: Failpoints = {}
  tip: Tip | undefined

  /** The time of the first event; or what another place was left with. */
  constructor(from: number | Pick<MemoryPlace, "identity" | "records" | "blobs">) {
    const left = typeof from === "number" ? undefined : from
    this.identity = left?.identity ?? newIdentity(Number(from))
    this.records = left?.records ?? [firstRecord(this.identity, Number(from))]
    this.blobs = left?.blobs ?? MemoryBlobs.emptyBlobs()
  }

  readonly writeSeal: WriteSeal = (edge) =>
    Effect.suspend(() => {
      if (this.fail.seal !== undefined) return Effect.fail(this.fail.seal)
      this.tip = { ledger: this.identity.id, edge }
      return Effect.void
    })

  layer(options: LedgerOptions = {}): Layer.Layer<Ledger, Refusal | Failure> {
    const { records, rows, blobs: store, fail } = this
    const stores = Layer.mergeAll(
      MemoryLog.layerWith({ records, failpoint: (...at) => fail.log?.(...at) }),
      MemoryViews.layerWith({ rows, failpoint: (...at) => fail.view?.(...at) }),
      MemoryBlobs.layerWith({ store, failpoint: (...at) => fail.blob?.(...at) }),
    )
    return Layer.provide(layerNoDeps(this, options), stores)
  }

  /** Opens the ledger, uses it, and closes it. */
  use<A, E>(
    body: (ledger: LedgerApi<"effect">) => Effect.Effect<A, E>,
    options: LedgerOptions = {},
  ): Promise<A> {
    return Effect.runPromise(Effect.provide(Ledger.use(body), this.layer(options)))
  }
}

/** What is left of a ledger that nobody has open: its id and its records, the first one first. */
export const leftIn = (
  directory: string,
): Promise<{ readonly identity: Identity; readonly records: Array<Uint8Array> }> => {
  const { log: place } = layoutOf(directory)
  const read = Effect.gen(function* () {
    const identity = yield* readIdentity(directory)
    if (identity === undefined) throw new Error(`there is no ledger in ${directory}`)
    const log = yield* EventLog
    const records = yield* log.read(0, Math.max(1, yield* log.head))
    return { identity, records: records.map(({ body }) => body) }
  })
  const log = LevelLog.layer({ directory: place, durability: "buffered", create: false })
  return Effect.runPromise(Effect.provide(read, log))
}

/** How a program in a process of its own speaks with the test. */
export interface Speaking {
  /** Sends a value to the test, at once: it is in the pipe when this returns. */
  readonly tell: (value: unknown) => void
  /** The one line that the test says. */
  readonly told: () => Promise<string>
  /** The names in a directory; none where there is none. */
  readonly names: (directory: string) => ReadonlyArray<string>
  /** Bytes that are free on the disk of a directory. */
  readonly room: (directory: string) => number
  /** The bytes of a file, as a stream. */
  readonly read: (path: string) => AsyncIterable<Uint8Array>
}

/** What it has at hand besides: the functions of a door, as a rule the public one. */
export interface Stage extends Speaking {
  readonly openLedger: typeof openLedger
  readonly recover: typeof recover
}

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * A door, the public one as a rule, as one plain JavaScript file in a directory. Compiling the
 * sources anew at every start would take a process longer than all that the tests want to see.
 */
export const bundle = (directory: string, entry = "core/index.ts"): string => {
  const file = join(directory, "door.mjs")
  const cli = join(root, "node_modules/rolldown/bin/cli.mjs")
  const native = ["level", "msgpackr"].flatMap((name) => ["--external", name])
  const output = ["--file", file, "--platform", "node", "--format", "esm"]
  execFileSync(process.execPath, [cli, join(root, entry), ...output, ...native])
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "junction")
  // A program may give up its rights before it opens anything.
  chmodSync(directory, 0o755)
  return file
}

/** A program that runs beside the test. */
export class Running {
  readonly process: ChildProcess
  /** What it has told so far. */
  readonly lines: Array<unknown> = []
  /** Its exit code; null when it was killed. Everything it told is there by then. */
  readonly ended: Promise<number | null>
  #rest = ""
  #isOver = false
  #wake: () => void = () => undefined

  constructor(command: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = process.env) {
    this.process = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] })
    this.process.stdout?.on("data", (bytes: Buffer) => this.#take(bytes))
    this.process.stdin?.on("error", () => undefined)
    this.ended = new Promise((resolve) => {
      this.process.once("close", (code) => {
        this.#isOver = true
        resolve(code)
        this.#wake()
      })
    })
  }

  #take(bytes: Buffer): void {
    const parts = (this.#rest + bytes.toString("utf8")).split("\n")
    this.#rest = parts.pop() ?? ""
    for (const line of parts) this.lines.push(JSON.parse(line))
    this.#wake()
  }

  /** The line of this number, from 0, as soon as it is told. */
  async line(index: number): Promise<unknown> {
    while (this.lines.length <= index) {
      if (this.#isOver) throw new Error(`the program ended before it told line ${index}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.lines[index]
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL")
    await this.ended
  }
}

/**
 * Starts a function as a program. Its text is all that travels, so it sees its parameters and what
 * is global, and nothing else of the file that it stands in.
 */
export const start = <Args extends ReadonlyArray<unknown>, At extends Speaking = Stage>(
  door: string,
  main: (stage: At, ...args: Args) => Promise<void>,
  ...args: Args
): Running => new Running(process.execPath, programOf(door, main, ...args))

/** The arguments for Node that run a function as a program. */
export const programOf = <Args extends ReadonlyArray<unknown>, At extends Speaking = Stage>(
  door: string,
  main: (stage: At, ...args: Args) => Promise<void>,
  ...args: Args
): ReadonlyArray<string> => {
  const script = `
    import { createReadStream as read, existsSync, readdirSync } from "node:fs"
    import { statfsSync, writeSync } from "node:fs"
    import * as door from ${JSON.stringify(pathToFileURL(door).href)}
    const tell = (value) => {
      // A pipe may take less than all.
      let rest = Buffer.from(JSON.stringify(value) + "\\n")
      while (rest.length > 0) rest = rest.subarray(writeSync(1, rest))
    }
    const told = () => new Promise((resolve) => process.stdin.once("data", (line) => {
      process.stdin.destroy()
      resolve(String(line).trim())
    }))
    const names = (directory) => existsSync(directory) ? readdirSync(directory) : []
    const room = (directory) => {
      const { bavail, bsize } = statfsSync(directory)
      return bavail * bsize
    }
    const args = ${JSON.stringify(args)}
    await (${main.toString()})({ ...door, tell, told, names, room, read }, ...args)`
  return ["--input-type=module", "--eval", script]
}

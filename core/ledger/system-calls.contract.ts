/**
 * The system calls of a program on what lies below a directory, seen and spoilt from outside:
 * strace lists them, or lets exactly one of them fail, or kills the program as it makes it.
 *
 * strace counts calls thread by thread, so the program must have one thread for files
 * (`UV_THREADPOOL_SIZE=1`), and each call is counted among those on the same path alone, where
 * threads and wake-ups do not get in between. Knows nothing of ledgers.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

export type Fault = "KILL" | "EIO" | "ENOSPC"

/** A call that a program made and that succeeded. */
export interface SystemCall {
  readonly name: string
  /** What it acts on, relative to the directory that is watched. A rename's is the old name. */
  readonly path: string
  /** Whether it may change anything: to read, and to open without making, does not. */
  readonly changes: boolean
  /** Which of the calls of this name on any of these paths it is, in its thread, from 1. */
  readonly ordinal: (paths: ReadonlyArray<string>) => number
}

const reading = ["read", "pread64", "getdents64"]

// Those that a machine does not have are left out by the question mark.
const names = [
  ...reading,
  ...["write", "pwrite64", "writev", "pwritev", "pwritev2", "?sendfile", "copy_file_range"],
  ...["fsync", "fdatasync", "sync_file_range", "ftruncate", "truncate", "fallocate"],
  ...["?open", "openat", "?creat", "?rename", "renameat", "renameat2", "?link", "linkat"],
  ...["?unlink", "unlinkat", "?rmdir", "?mkdir", "mkdirat", "?symlink", "symlinkat"],
]

interface Line {
  readonly thread: string
  readonly name: string
  readonly path: string
  readonly changes: boolean
  failed: boolean
}

const isBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(`${root}/`)

/** The lines of a trace about paths below the root, in order, those of calls that failed too. */
const linesOf = (trace: string, root: string): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const unfinished = new Map<string, Line>()
  for (const text of trace.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(text) ?? []
    const failed = / = -1 E/.test(rest)
    const resumed = unfinished.get(thread)
    if (rest.startsWith("<...")) {
      if (resumed !== undefined) resumed.failed = failed
      unfinished.delete(thread)
      continue
    }
    const name = /^(\w+)\(/.exec(rest)?.[1]
    const path = [...rest.matchAll(/["<](\/[^">]*)/g)]
      .map(([, each = ""]) => each)
      .find((each) => isBelow(each, root))
    if (name === undefined || path === undefined) continue
    const changes = name.startsWith("open") ? rest.includes("O_CREAT") : !reading.includes(name)
    const line = { thread, name, path: relative(root, path), changes, failed }
    lines.push(line)
    if (rest.endsWith("<unfinished ...>")) unfinished.set(thread, line)
  }
  return lines
}

/** The calls of a trace that succeeded, in order. */
export const callsOf = (trace: string, root: string): ReadonlyArray<SystemCall> => {
  const lines = linesOf(trace, root)
  return lines.flatMap((line, at) => {
    const { thread, name, path, changes, failed } = line
    const ordinal = (watched: ReadonlyArray<string>): number =>
      lines.filter(
        (other, index) =>
          index <= at &&
          other.thread === thread &&
          other.name === name &&
          watched.includes(other.path),
      ).length
    return failed ? [] : [{ name, path, changes, ordinal }]
  })
}

/** Arguments for strace that list all calls. */
export const listing: ReadonlyArray<string> = ["-s", "0", "-e", `trace=${names.join(",")}`]

/** Calls that take room on a disk, so that a full one refuses them. */
const takesRoom = ({ name, changes }: SystemCall): boolean =>
  changes && !/^(unlink|rmdir|f?truncate)/.test(name)

/**
 * Whether a fault at a call tells anything: a kill before a read leaves what the next one does, and
 * what LevelDB notes about itself in its file LOG is read by nobody.
 */
export const isTelling = (call: SystemCall, fault: Fault): boolean => {
  if (/\/LOG(\.old)?$/.test(call.path) || call.name === "statfs") return false
  return fault === "EIO" || (fault === "ENOSPC" ? takesRoom(call) : call.changes)
}

// What statfs(2) writes on machines of 64 bits, little-endian: type, block size, blocks, and of
// those free, and free for everybody: none.
const noRoom = [0, 4_096, 1, 0, 0]
  .map((word) => Buffer.from(BigUint64Array.of(BigInt(word)).buffer).toString("hex"))
  .join("")

/** The same on a disk that says that it is full: a program may make other calls there. */
export const listingFull: ReadonlyArray<string> = [
  ...["-s", "0", "-e", `trace=${names.join(",")},statfs`],
  ...["-e", `inject=statfs:poke_exit=@arg2=${noRoom}`],
]

/**
 * Arguments for strace that spoil one call. With ENOSPC the directories are full for whoever asks.
 */
export const spoiling = (
  call: SystemCall,
  fault: Fault,
  root: string,
  directories: ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const isFull = fault === "ENOSPC"
  const watched = [...new Set([call.path, ...(isFull ? directories : [])])]
  const effect = fault === "KILL" ? "signal=KILL" : `error=${fault}`
  return [
    ...watched.flatMap((path) => ["-P", join(root, path)]),
    ...["-e", `trace=${call.name}${isFull ? ",statfs" : ""}`],
    ...["-e", `inject=${call.name}:${effect}:when=${call.ordinal(watched)}`],
    ...(isFull ? ["-e", `inject=statfs:poke_exit=@arg2=${noRoom}`] : []),
  ]
}

/** What strace saw until the program ended. */
export interface Tracer {
  readonly ended: Promise<string>
}

/** Attaches strace to a program: what it does from now on is traced. */
export const attach = async (
  pid: number,
  file: string,
  args: ReadonlyArray<string>,
): Promise<Tracer> => {
  const options = ["-f", "-y", "-o", file, ...args, "-p", String(pid)]
  const tracer = spawn("strace", options, { stdio: ["ignore", "ignore", "pipe"] })
  const closed = once(tracer, "close")
  let said = ""
  await new Promise<void>((resolve, reject) => {
    tracer.stderr.on("data", (bytes: Buffer) => {
      said += bytes.toString("utf8")
      if (/\battached\b/.test(said)) resolve()
    })
    tracer.once("error", reject)
    tracer.once("close", () => reject(new Error(`strace has not attached: ${said}`)))
  })
  return { ended: closed.then(() => readFileSync(file, "utf8")) }
}

/** Whether a fault was let in, as the trace tells; of a kill only the program's end does. */
export const timesFired = (trace: string): number => trace.split("(INJECTED)").length - 1

/** Why system calls cannot be spoilt here; undefined where they can. */
export const obstacle = (): string | undefined => {
  const { error } = spawnSync("strace", ["-V"])
  if (error !== undefined) return "there is no strace here"
  const scope = "/proc/sys/kernel/yama/ptrace_scope"
  const isFree = process.getuid?.() === 0 || !existsSync(scope) || Number(readFileSync(scope)) === 0
  return isFree ? undefined : "only root may trace here"
}

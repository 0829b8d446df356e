/**
 * Other programs: whether they are there, and running them to their last byte.
 *
 * Knows nothing of what they do; `settle` waits for what was written before to reach the disk.
 */
import { spawn, spawnSync } from "node:child_process"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"

export interface Surroundings {
  /** The directory in which it runs. */
  readonly cwd: string
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** Takes what comes and keeps its length alone. */
class Sink extends Writable {
  length = 0

  override _write(chunk: Uint8Array, _: string, done: () => void): void {
    this.length += chunk.length
    done()
  }
}

export const drained = async (source: NodeJS.ReadableStream): Promise<number> => {
  const sink = new Sink()
  await pipeline(source, sink)
  return sink.length
}

/** What a program writes, in bytes. Rejects when it fails. */
export const run = async (
  command: string,
  args: ReadonlyArray<string>,
  { cwd, env = {} }: Surroundings,
): Promise<number> => {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", resolve)
  })
  const length = await drained(child.stdout)
  const code = await ended
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}`)
  return length
}

/** Name and version, as a program says them itself; `undefined` where it is not installed. */
export const versionOf = (command: string, args: ReadonlyArray<string>): string | undefined => {
  const { error, stdout } = spawnSync(command, args, { encoding: "utf8" })
  return error === undefined ? stdout.trim().split(/\s+/).slice(0, 2).join(" ") : undefined
}

/** So that a flush does not wait for what somebody else wrote. */
export const settle = async (cwd: string): Promise<void> => void (await run("sync", [], { cwd }))

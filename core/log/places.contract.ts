/**
 * Where tests keep logs on LevelDB, and how they damage them: through LevelDB itself, as another
 * program would, never through the driver.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { Level } from "level"
import { onTestFinished } from "vitest"
import { type Durability, EventLog } from "./event-log.js"
import { layer } from "./level.js"

export type Use = <A, E>(
  run: (log: EventLog["Service"]) => Effect.Effect<A, E>,
  options?: { create?: boolean; durability?: Durability },
) => Promise<A>

export const makeDirectory = (): string => mkdtempSync(join(tmpdir(), "daybook-log-"))

export const removeDirectory = (directory: string): void =>
  rmSync(directory, { recursive: true, force: true })

/** A directory that is gone after the test. */
export const temporary = (): string => {
  const directory = makeDirectory()
  onTestFinished(() => removeDirectory(directory))
  return directory
}

/** Opens the log in a directory, uses it, and closes it. */
export const usesOf =
  (directory: () => string): Use =>
  (run, { create = false, durability = "synced" } = {}) => {
    const opened = layer({ directory: directory(), durability, create })
    return Effect.runPromise(Effect.provide(Effect.flatMap(EventLog, run), opened))
  }

export const bodies = (from: number, to: number): ReadonlyArray<Buffer> =>
  Array.from({ length: to - from + 1 }, (_, index) => Buffer.from(`body of ${from + index}`))

export const keyOf = (position: number): Buffer => {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(position))
  return key
}

/** Works on a closed log without the driver, as damage or another program would. */
export const tamperWith = async (
  directory: string,
  run: (store: Level<Buffer, Buffer>) => Promise<unknown>,
): Promise<void> => {
  const encoding = { keyEncoding: "buffer", valueEncoding: "buffer" } as const
  const store = new Level<Buffer, Buffer>(directory, encoding)
  await run(store)
  await store.close()
}

export const flipped = (value: Buffer, byte: number, bit = 1): Buffer => {
  const copy = Buffer.from(value)
  copy.writeUInt8(copy.readUInt8(byte) ^ bit, byte)
  return copy
}

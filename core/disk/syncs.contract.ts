/**
 * What code makes durable, and when it gives names, in the order of its calls: for the suites of
 * this room, since no test can cut the power. States no law of its own.
 */
import promises, { type FileHandle } from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { onTestFinished, vi } from "vitest"

export type DurableCall = "sync file" | "sync directory" | "rename"

/** Notes calls from now on to the end of the test. `directory` is any that is there. */
export const noteSyncs = async (directory: string): Promise<Array<DurableCall>> => {
  const calls: Array<DurableCall> = []
  const handle = await promises.open(directory, "r")
  const handles: FileHandle = Object.getPrototypeOf(handle)
  await handle.close()
  const { sync } = handles
  const { rename } = promises
  vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
    calls.push((await this.stat()).isDirectory() ? "sync directory" : "sync file")
    await sync.call(this)
  })
  vi.spyOn(promises, "rename").mockImplementation(async (from, to) => {
    calls.push("rename")
    await rename(from, to)
  })
  syncBuiltinESMExports()
  onTestFinished(() => {
    vi.restoreAllMocks()
    syncBuiltinESMExports()
  })
  return calls
}

/**
 * Folders on the disk for the suites of this room. States no law of its own.
 */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { readdir, readlink, realpath } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach } from "vitest"
import type { RelativePath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import { digestFile } from "./file.js"
import type { LinkedEntry } from "./judge.js"
import { eachRegistered, type RegisteredFolder } from "./registered.js"
import { openDirectory } from "./safe-path.js"
import { stateOf } from "./scanned.js"

/** A new directory for each test; its path has no symlink in it. */
export const temporaryDirectory = (): (() => string) => {
  let directory = ""
  beforeEach(async () => {
    directory = await realpath(mkdtempSync(join(tmpdir(), "daybook-directory-")))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  return () => directory
}

/** Writes files, and the folders that they need. */
export const write = (directory: string, files: Readonly<Record<string, string>>): void => {
  for (const [path, content] of Object.entries(files)) {
    const whole = join(directory, path)
    mkdirSync(dirname(whole), { recursive: true })
    writeFileSync(whole, content)
  }
}

const leadsTo = async (name: string): Promise<string> =>
  await readlink(`/proc/self/fd/${name}`).catch(() => "")

/** Of this process, in temporary directories; as many as before means that all were closed. */
export const openFileCount = async (): Promise<number> => {
  const paths = await Promise.all((await readdir("/proc/self/fd")).map(leadsTo))
  const temporary = await realpath(tmpdir())
  return paths.filter((path) => path.startsWith(temporary)).length
}

/** A file as it was registered, long after it changed. */
export const registeredIn = async (
  directory: string,
  path: string,
  bytes: Uint8Array,
): Promise<LinkedEntry> => {
  const whole = join(directory, path)
  mkdirSync(dirname(whole), { recursive: true })
  writeFileSync(whole, bytes)
  utimesSync(whole, 1e9, 1e9)
  const opened = await openDirectory(dirname(whole))
  const file = await opened.file(basename(whole))
  const { digest, ...rest } = await digestFile(file, path)
  await file.handle.close()
  await opened.release()
  const state = { ...stateOf(basename(whole), file.found, Date.now()), ...rest }
  return { path: path as RelativePath, kind: "file", size: bytes.length, digest, state }
}

/** Every entry of a registered folder, in the order of the bytes of their paths. */
export const entriesOf = <E>(
  registered: RegisteredFolder<E>,
): Effect.Effect<ReadonlyArray<LinkedEntry>, E> => {
  const found: Array<LinkedEntry> = []
  return Effect.map(
    eachRegistered(registered, 8, (entry) => void found.push(entry)),
    () => found.sort((a, b) => compareUtf8(a.path, b.path)),
  )
}

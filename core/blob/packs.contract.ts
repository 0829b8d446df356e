/**
 * Packs on a temporary directory for the suites of this room: their parts within reach, their files
 * to damage, their disk to fail. States no law of its own.
 */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterEach, beforeEach } from "vitest"
import { digestOf } from "../model/digest.js"
import { BlobStore, type BlobStoreShape } from "./blob-store.js"
import { defaultChunking } from "./chunk.js"
import { type Finding, PackDamage } from "./damage.js"
import { DamageRecord } from "./damage-record.js"
import { layer } from "./filesystem.js"
import type { Frame } from "./frame.js"
import { openIndex } from "./index-level.js"
import { Leases } from "./leases.js"
import { listPacks } from "./pack-files.js"
import { openPackReader } from "./pack-reader.js"
import type { PackStore } from "./pack-store.js"
import { openPackWriter } from "./pack-writer.js"
import { type Recipe, recipeDraft } from "./recipe.js"
import { collect } from "./samples.contract.js"

/** A directory for each test of the file, removed after it. */
export const temporaryDirectory = (): (() => string) => {
  let directory = ""
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "daybook-blob-"))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  return () => directory
}

/** What is no whole frame was put there by the test. */
const ignored = () => undefined

export interface Opening {
  readonly durable?: boolean
  readonly packBytesMax?: number
  readonly quarantine?: string
  readonly onFinding?: (finding: Finding) => void
}

/** Runs against the store in a directory, opened for it and closed behind it. */
export const useBlobs = <A, E>(
  directory: string,
  run: (blobs: BlobStoreShape) => Effect.Effect<A, E>,
  { durable = true, packBytesMax = 1e9, onFinding = ignored, ...rest }: Opening = {},
): Promise<A> => {
  const chunking = defaultChunking
  const opened = layer({ directory, chunking, durable, packBytesMax, onFinding, ...rest })
  return Effect.runPromise(Effect.provide(Effect.flatMap(BlobStore, run), opened))
}

/** The bytes that are stored of a content. */
export const readBlob = (blobs: BlobStoreShape, content: Uint8Array) =>
  collect(blobs.read(digestOf(content)))

export const listBlobs = (blobs: BlobStoreShape) =>
  Effect.map(Stream.runCollect(blobs.list()), (stats) => stats.map(({ digest }) => digest))

/** The parts of a store as they are before anything was recovered. */
export const openParts = async (
  directory: string,
  { durable = true, packBytesMax = 1e9 }: Opening = {},
): Promise<PackStore & { readonly close: () => Promise<void> }> => {
  const packs = join(directory, "packs")
  await mkdir(packs, { recursive: true })
  const index = await openIndex(join(directory, "index"))
  const nextPack = ((await listPacks(packs)).at(-1)?.pack ?? 0) + 1
  const reader = openPackReader(packs)
  const options = { directory: packs, index, durable, packBytesMax, last: undefined, nextPack }
  const writer = openPackWriter(options)
  const close = async () => {
    await writer.close()
    await reader.close()
    await index.close()
  }
  const damage = new PackDamage([])
  const record = new DamageRecord({ directory, packs, quarantine: undefined, damage })
  const notice = async (finding: Finding) => {
    await record.take([finding], () => writer.roll())
    return finding
  }
  const sets = { going: new Set<string>(), leases: new Leases() }
  return { index, reader, writer, damage, record, notice, packs, packBytesMax, ...sets, close }
}

/** A chunk's frame, raw. */
export const frameOf = (stored: Uint8Array): Frame => {
  const digest = digestOf(stored)
  const sizes = { size: stored.length, storedSize: stored.length }
  const digests = { digest, storedDigest: digest }
  return { kind: "chunk", form: "raw", ...sizes, ...digests, crc32: crc32(stored), stored }
}

/** The recipe of a blob that is these frames, one after the other. */
export const recipeOf = (frames: ReadonlyArray<Frame>): Recipe => {
  const draft = recipeDraft()
  for (const frame of frames) draft.add(frame)
  const content = Buffer.concat(frames.map(({ stored }) => stored))
  return draft.finish(digestOf(content), crc32(content))
}

export const packNames = (directory: string): ReadonlyArray<string> =>
  readdirSync(join(directory, "packs")).sort()

export const packSizes = (directory: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    packNames(directory).map((name) => [name, statSync(join(directory, "packs", name)).size]),
  )

/** Bytes of all packs. */
export const packsSize = (directory: string): number =>
  Object.values(packSizes(directory)).reduce((total, size) => total + size, 0)

/** All that is in packs, one behind the other. */
export const allPacks = (directory: string): Buffer =>
  Buffer.concat(packNames(directory).map((name) => readFileSync(join(directory, "packs", name))))

export const packFile = (directory: string, pack: number): string =>
  join(directory, "packs", `${String(pack).padStart(8, "0")}.pack`)

export const dropIndex = (directory: string): void =>
  rmSync(join(directory, "index"), { recursive: true })

/** A copy of the store as a kill at this moment would leave it, the bytes in its files. */
export const snapshot = (directory: string, to: string): void =>
  cpSync(directory, to, { recursive: true })

export const flipBit = (path: string, offset: number): void => {
  const bytes = readFileSync(path)
  bytes[offset] = (bytes[offset] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

/** Where the stored bytes of a chunk lie in a pack. */
export const offsetOf = (path: string, stored: Uint8Array): number =>
  readFileSync(path).indexOf(stored)

/** What every open file of Node inherits from: to count its calls, and to let them fail. */
export const fileHandles = async (directory: string): Promise<FileHandle> => {
  const handle = await open(directory, "r")
  await handle.close()
  return Object.getPrototypeOf(handle)
}

export const diskError = (code: string): Error => Object.assign(new Error(code), { code })

/** Files below the directory that this process has open; none where the system does not say. */
export const openFiles = (directory: string): ReadonlyArray<string> => {
  const table = "/proc/self/fd"
  if (!existsSync(table)) return []
  return readdirSync(table)
    .map((name) => {
      // Gone meanwhile: the one that the listing itself had open.
      const link = join(table, name)
      return existsSync(link) ? readlinkSync(link) : ""
    })
    .filter((path) => path.startsWith(directory))
}

/**
 * A removal, once for every system call that it makes: killed at exactly that call, and with that
 * call failing as a broken and as a full disk fail it. What stays is whole, what goes is whole or
 * gone, nothing counts as damaged, what is said to be given back is, and one more removal completes
 * what is left.
 *
 * Tried is a part of the calls, drawn by `REMOVAL_SEED`: of 1 by `REMOVAL_SHARE`, all.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { noise, numbers } from "../blob/samples.contract.js"
import { removalSliceBytesMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import { type OpenBlobs, openBlobs } from "./blob-door.contract.js"
import { bundle, bytesIn, programOf, type Speaking } from "./places.contract.js"
import { expectSound, type Point, pointsIn, runTraced, type Trial } from "./spoilt.contract.js"
import {
  type Fault,
  listing,
  listingFull,
  obstacle,
  spoiling,
  timesFired,
} from "./system-calls.contract.js"

const seed = Number(process.env.REMOVAL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const share = Number(process.env.REMOVAL_SHARE ?? 0.1)
const why = obstacle()
const without = why === undefined ? "" : ` (skipped: ${why})`
const next = numbers(seed)

const packBytesMax = 1_000_000
// Raw, one chunk each: the first pack is emptied in two slices, of the second one hardly any goes.
const contents = Array.from({ length: 72 }, (_, at) => noise(16_000 + at, at))
const going = contents.filter((_, at) => (at < 60 ? at % 5 === 2 : at === 66))
const later = noise(5_000, 100)
// A chunk and a recipe of next to nothing, and the header of a pack.
const putBytesMax = 1_000
const goners = going.map((content) => digestOf(content))
const left = contents
  .filter((content) => !going.includes(content))
  .map((content) => digestOf(content))

interface Stage extends Speaking {
  readonly openBlobs: typeof openBlobs
}

/** How a step went: what it answered, or the error that it ended with. */
interface Told {
  readonly step: string
  readonly removed?: number
  readonly bytes?: number
  readonly kept?: ReadonlyArray<Digest>
  readonly put?: Digest
  readonly findings?: ReadonlyArray<unknown>
  readonly error?: {
    readonly _tag?: string
    readonly kind?: string
    readonly reason?: string
    readonly message: string
  }
}

/** Removes, and ends there; or goes on: puts, closes, and opens again. */
const perform = async (
  stage: Stage,
  directory: string,
  bytesMax: number,
  digests: ReadonlyArray<Digest>,
  goesOn: boolean,
): Promise<void> => {
  const attempt = async (step: string, run: () => Promise<object>): Promise<void> => {
    try {
      stage.tell({ step, ...(await run()) })
    } catch (thrown) {
      const { _tag, kind, reason, message } = thrown as Record<string, unknown>
      stage.tell({ step, error: { _tag, kind, reason, message } })
    }
  }
  const blobs = await stage.openBlobs(directory, bytesMax)
  stage.tell("ready")
  await stage.told()
  await attempt("remove", () => blobs.remove(digests))
  if (!goesOn) process.exit()
  await attempt("put", async () => ({ put: await blobs.put(new Uint8Array(5_000).fill(7)) }))
  await attempt("close", async () => ({ closed: await blobs.close() }))
  await attempt("reopen", async () => {
    const again = await stage.openBlobs(directory, bytesMax)
    await again.close()
    return { findings: again.findings }
  })
}

const home = realpathSync(mkdtempSync(join(tmpdir(), "daybook-removal-")))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const filled = join(home, "filled")
let door = ""
let count = 0

const prepare = async (): Promise<void> => {
  door = bundle(home, "core/ledger/blob-door.contract.ts")
  const blobs = await openBlobs(filled, packBytesMax)
  for (const content of contents) await blobs.put(content)
  await blobs.close()
}

const run = (
  goesOn: boolean,
  tracing: (root: string) => ReadonlyArray<string>,
): Promise<Trial<Told>> => {
  count += 1
  const root = join(home, `run-${count}`)
  const directory = join(root, "blob")
  const args = programOf(door, perform, directory, packBytesMax, goners, goesOn)
  const prepareOne = () => cpSync(filled, directory, { recursive: true })
  return runTraced({ root, prepare: prepareOne, args, tracing })
}

/** What the packs below a directory take on the disk. */
const packsSize = (directory: string): number => bytesIn(join(directory, "packs"))

const expectWhole = async (blobs: OpenBlobs, digests: Iterable<Digest>): Promise<void> => {
  for (const digest of digests) expect(digestOf(await blobs.read(digest))).toBe(digest)
}

/** Opens the blobs, which must not find anything damaged, and closes them. */
const using = async (directory: string, act: (blobs: OpenBlobs) => Promise<void>) => {
  const blobs = await openBlobs(directory, packBytesMax)
  try {
    expect(blobs.findings).toEqual([])
    await act(blobs)
  } finally {
    await blobs.close()
  }
}

const judge = async ({ root, told, code, trace }: Trial<Told>, { fault }: Point): Promise<void> => {
  const directory = join(root, "blob")
  const [removal, put, reopened] = ["remove", "put", "reopen"].map((name) =>
    told.find(({ step }) => step === name),
  )
  expect(code).toBe(fault === "KILL" ? null : 0)
  for (const { step, error } of told)
    if (error !== undefined)
      expect({ step, ...error }).toMatchObject({
        _tag: "BlobFailure",
        kind: "unavailable",
        reason: expect.toBeOneOf(["io", "full", "stopped", "damaged"]),
      })
  // strace counts in each thread: the next opening may meet the fault too.
  if (timesFired(trace) < 2) expect(reopened?.findings ?? []).toEqual([])
  const puts = put?.put === undefined ? [] : [put.put]
  if (removal?.error === undefined && removal !== undefined)
    expect(removal).toMatchObject({ removed: goners.length, kept: [] })
  // What was said to be free is, but for what the put behind it took.
  const size = packsSize(directory)
  if (removal?.bytes !== undefined)
    expect(size).toBeLessThanOrEqual(packsSize(filled) - removal.bytes + putBytesMax)
  await using(directory, async (blobs) => {
    const there = await blobs.list()
    expect(there).toEqual(expect.arrayContaining([...left, ...puts]))
    if (removal !== undefined && removal.error === undefined)
      expect(there.filter((digest) => goners.includes(digest))).toEqual([])
    await expectWhole(blobs, there)
    const { bytes } = await blobs.remove(goners)
    expect(bytes).toBe(size - packsSize(directory))
    await expectWhole(blobs, [...left, ...puts])
  })
  for (const name of readdirSync(join(directory, "packs"))) {
    const bytes = readFileSync(join(directory, "packs", name))
    for (const content of going) expect(bytes.indexOf(content)).toBe(-1)
  }
  rmSync(join(directory, "index"), { recursive: true })
  await using(directory, async (blobs) => {
    const there = await blobs.list()
    expect(there.filter((digest) => !puts.includes(digest))).toEqual([...left].sort())
    await expectWhole(blobs, there)
    await blobs.put(later)
  })
}

/** The calls of a removal that nothing spoils. */
const pointsOf = async (tracing: ReadonlyArray<string>, faults: ReadonlyArray<Fault>) => {
  const { root, told, trace } = await run(false, () => tracing)
  expect(told).toMatchObject([{ step: "remove", removed: goners.length, kept: [] }])
  rmSync(root, { recursive: true })
  return pointsIn(trace, root, faults)
}

const directories = ["blob", "blob/packs", "blob/index"]

describe.skipIf(why !== undefined)(
  `system calls of a removal, ${share} of them (REMOVAL_SEED=${seed})${without}`,
  () => {
    beforeAll(prepare)

    it("leave nothing half, lost or damaged", { timeout: 3_600_000 }, async () => {
      // On a disk that says that it is full, other calls are made.
      const points = [
        ...(await pointsOf(listing, ["KILL", "EIO"])),
        ...(await pointsOf(listingFull, ["ENOSPC"])),
      ]
      const cuts = points.filter(({ call }) => /truncate/.test(call.name))
      expect(cuts.length).toBeGreaterThan(1)
      expect(goners.length * 16_000).toBeLessThan(removalSliceBytesMax)
      const attempting = {
        run: ({ call, fault }: Point) =>
          run(fault !== "KILL", (at) => spoiling(call, fault, at, directories)),
        judge,
      }
      await expectSound(
        attempting,
        points.filter(() => next(1_000) < share * 1_000),
      )
    })
  },
)

/**
 * One operation of each kind, once for every system call that it makes on the ledger: killed at
 * exactly that call, and with that call failing as a broken and as a full disk fail it. Whatever
 * was said must be true of what is found, and what is found must be whole.
 *
 * Tried is a part of the calls, drawn by `SYSTEM_CALL_SEED`: of 1 by `SYSTEM_CALL_SHARE`, all.
 */
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { numbers } from "../blob/samples.contract.js"
import type { Outcome } from "../errors.js"
import type { CoreRecorded } from "../event/catalog.js"
import type { Recovery } from "../event/loss.js"
import { compositeCountMax, sealEventCount } from "../limits.js"
import { layoutOf } from "./layout.js"
import { perform, type Told } from "./one-operation.contract.js"
import { examine, expectTrue, sweptIn } from "./oracle.contract.js"
import { bundle, bytesIn, programOf, type Stage } from "./places.contract.js"
import { openLedger, recover } from "./promise.js"
import {
  type Attempting,
  expectSound,
  type Point,
  pointsIn,
  runTraced,
  type Trial,
} from "./spoilt.contract.js"
import { type Fault, listing, obstacle, spoiling, timesFired } from "./system-calls.contract.js"

const seed = Number(process.env.SYSTEM_CALL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const share = Number(process.env.SYSTEM_CALL_SHARE ?? 0.1)
const why = obstacle()
const without = why === undefined ? "" : ` (skipped: ${why})`

type State =
  | "is not there"
  | "was closed"
  | "was killed behind its log"
  | "was killed before it"
  | "was sealed long ago"
  | "has deleted versions"

interface Tried {
  readonly operation: string
  readonly state: State
  /** How many events there are in that state. */
  readonly before: number
  /** The types of the events that the operation makes. */
  readonly made: ReadonlyArray<string>
}

const on =
  (state: State, before: number) =>
  (operation: string, ...made: ReadonlyArray<string>) => ({
    operation,
    state,
    before,
    made,
  })
const onClosed = on("was closed", 5)
// One event more, and it is sealed.
const unsealed = 5 + sealEventCount - 1

const operations: ReadonlyArray<Tried> = [
  onClosed("save", "version-saved"),
  onClosed("batch", "version-saved", "tags-added", "version-saved", "metadata-logged"),
  onClosed("tag", "tags-added"),
  onClosed("logMetadata", "metadata-logged"),
  onClosed("delete", "version-deleted"),
  on("has deleted versions", 11)("sweep", "content-swept"),
  onClosed("load"),
  onClosed("backup"),
  onClosed("read"),
  onClosed("recover"),
  onClosed("rebuild"),
  onClosed("close", "version-saved"),
  on("was sealed long ago", unsealed)("seal", "metadata-logged"),
  onClosed("open"),
  on("was killed behind its log", 6)("open"),
  on("was killed before it", 5)("open"),
  on("is not there", 0)("make", "ledger-created"),
]

const rooms = ["", "log", "view", "blob", "blob/packs", "blob/index", "lock", "tmp"]
const workplace = ["", "log", "view", "source"].map((name) => join("tmp/recovery", name))
const directories = ["ledger", "ledger-backup", "ledger-recovered"].flatMap((ledger) =>
  [...rooms, ...workplace].map((name) => join(ledger, name)),
)

const home = realpathSync(mkdtempSync(join(tmpdir(), "daybook-system-calls-")))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let door = ""
let count = 0

/** Runs the program over a copy of a ledger. */
const run = (
  { operation, state }: Tried,
  mode: string,
  tracing: (root: string) => ReadonlyArray<string>,
): Promise<Trial<Told>> => {
  count += 1
  const root = join(home, `run-${count}`)
  const directory = join(root, "ledger")
  const prepareOne = () => {
    if (state !== "is not there") cpSync(join(home, state), directory, { recursive: true })
  }
  const args = programOf(door, perform, directory, operation, mode)
  return runTraced({ root, prepare: prepareOne, args, tracing })
}

/** Makes a ledger with as many events behind its seal as it can have: all of them in tables. */
const prepareUnsealed = async (): Promise<void> => {
  const directory = join(home, "was sealed long ago" satisfies State)
  cpSync(join(home, "was closed"), directory, { recursive: true })
  const ledger = await openLedger(directory)
  while (ledger.position < unsealed)
    await ledger.batch((b) => {
      const count = Math.min(compositeCountMax, unsealed - ledger.position)
      for (let n = 0; n < count; n += 1) b.logMetadata({ artifact: "model" }, { n })
    })
  await ledger.close()
  await (await openLedger(directory)).close()
  cpSync(layoutOf(join(home, "was closed")).tip, layoutOf(directory).tip)
}

/** Makes a ledger with versions that are due, some of them with content that another has too. */
const prepareDeleted = async (): Promise<void> => {
  const directory = join(home, "has deleted versions" satisfies State)
  cpSync(join(home, "was closed"), directory, { recursive: true })
  const ledger = await openLedger(directory)
  await ledger.save("model", "third ".repeat(40))
  const same = ["first ".repeat(40), "fourth ".repeat(40)]
  const { id } = await ledger.save("whole", same[1])
  await ledger.save("whole", same[0])
  await ledger.delete(id)
  await ledger.delete({ artifact: "whole" })
  await ledger.delete("model@3")
  await ledger.close()
}

/** Makes the ledgers that copies are taken of, in their states. */
const prepare = async (): Promise<void> => {
  door = bundle(home)
  const closed: State = "was closed"
  const ledger = await openLedger(join(home, closed))
  await ledger.save("model", "first ".repeat(40), { tags: "kept" })
  await ledger.save("model", "second ".repeat(40))
  await ledger.defineTag("only", { exclusive: true })
  await ledger.tag("model@1", "only")
  await ledger.close()
  await prepareUnsealed()
  await prepareDeleted()
  const [save] = operations
  if (save === undefined) throw new Error("nothing is swept")
  const calls = (await pointsOf(save)).filter(({ fault }) => fault === "KILL")
  const states: ReadonlyArray<readonly [State, string]> = [
    ["was killed behind its log", "view"],
    ["was killed before it", "log"],
  ]
  for (const [state, place] of states) {
    const point = calls.find(({ call }) => call.path.startsWith(`ledger/${place}/`))
    if (point === undefined) throw new Error(`a save writes nothing in ${place}`)
    const { root } = await run(save, "once", (at) => spoiling(point.call, "KILL", at, directories))
    renameSync(join(root, "ledger"), join(home, state))
  }
}

/** A write of its own, which can be tried again. */
const isKeyed = ({ operation, made }: Tried): boolean =>
  made.length > 0 && !["close", "make", "sweep"].includes(operation)

const packsSize = (directory: string): number => bytesIn(layoutOf(directory).packs)

const keyed = (events: ReadonlyArray<CoreRecorded>, key: string) =>
  events.filter(({ idempotencyKey }) => idempotencyKey === key)

const faultReasons = { KILL: "io", EIO: "io", ENOSPC: "full" }
const typesOf = (events: ReadonlyArray<CoreRecorded>) => events.map(({ type }) => type)

const failureTags = ["LogFailure", "ViewFailure", "BlobFailure"]

/** An error is one of storage, and says which kind of disk it met. */
const expectTyped = ({ step, error }: Told, fault: Fault): void => {
  if (error === undefined || error._tag === "LedgerReadOnly") return
  // The next opening may meet the fault at a call that takes no room: strace counts by threads.
  const met = fault === "ENOSPC" && step === "reopen" ? ["full", "io"] : [faultReasons[fault]]
  const reasons = ["stopped", ...met]
  expect({ step, ...error }).toMatchObject({
    _tag: expect.toBeOneOf(failureTags),
    kind: "unavailable",
    reason: expect.toBeOneOf(reasons),
    outcome: expect.toBeOneOf(["none", "unknown", "committed"]),
  })
}

/** Holds what was told of a write against its events. */
const expectTold = (
  told: Told | undefined,
  events: ReadonlyArray<CoreRecorded>,
  made: ReadonlyArray<string>,
): void => {
  // A refusal has no outcome: nothing was tried.
  const outcome = told?.error === undefined ? "committed" : (told.error.outcome ?? "none")
  const answered = told === undefined ? "unknown" : outcome
  expectTrue(answered as Outcome, typesOf(events), made)
  if (told !== undefined && told.error === undefined)
    expect(told.position).toBe(events.at(-1)?.position)
}

/** What holds after every trial. */
const judge = async (
  { root, told, code, trace }: Trial<Told>,
  tried: Tried,
  fault: Fault,
): Promise<void> => {
  const { operation, before, made } = tried
  const directory = join(root, "ledger")
  const [act, left, after, reopen] = ["act", "left", "after", "reopen"].map((name) =>
    told.find(({ step }) => step === name),
  )
  expect(code).toBe(fault === "KILL" ? null : 0)
  for (const one of told) {
    expectTyped(one, fault)
  }
  // A log that could not be read is only asked until it is opened again, and says so.
  const isReadOnly = after?.error?._tag === "LedgerReadOnly"
  expect(act?.damaged ?? []).toHaveLength(isReadOnly ? 1 : 0)
  // A check of the log reads in two threads, and strace counts in each of them.
  if (timesFired(trace) < 2) expect(reopen?.damaged ?? []).toEqual([])
  // What is no ledger yet is taken away again, or made by who comes next.
  if (left?.names?.length !== 0) expect(left?.names ?? ["ledger.json"]).toContain("ledger.json")
  if (operation === "make") await (await openLedger(directory)).close()
  const events = await examine(directory)
  expect(events.length).toBeGreaterThanOrEqual(before)
  const news = events.slice(before)
  const [later, own] = [keyed(news, "after"), news.filter((one) => one.idempotencyKey !== "after")]
  // The event of a close came before it; a ledger that could not be made is there by now.
  if (isKeyed(tried)) expectTold(act, own, made)
  else if (operation === "sweep") {
    // What fails may be the removal, which comes behind the event.
    const isDone = act !== undefined && act.error === undefined
    expectTrue(isDone ? "committed" : "unknown", typesOf(own), made)
  } else expect(typesOf(own)).toEqual(made)
  expectTold(after, later, ["version-saved"])
  if (isKeyed(tried) && ["unknown", "committed"].includes(act?.error?.outcome ?? ""))
    expect(after?.error).toMatchObject({ reason: "stopped", outcome: "none" })
  // strace counts thread by thread: the next opening may come to that number in another one, or
  // before the operation does.
  const isFirst = told.every(({ step, error }) => step === "reopen" || error === undefined)
  const isSpoilt = reopen?.error !== undefined && (isFirst || timesFired(trace) > 1)
  if (fault !== "KILL" && !isSpoilt) expect(reopen).toMatchObject({ position: events.length })
  await expectOnce(directory, tried, fault)
}

/** What was there when it was recovered, behind a new first event and what is said of losses. */
const expectRecovered = async (
  directory: string,
  { before }: Tried,
  fault: Fault,
): Promise<void> => {
  const recovered = `${directory}-recovered`
  const ledger = await openLedger(recovered)
  const losses: Array<unknown> = []
  for await (const { data } of ledger.replay({ types: ["ledger-recovered"] })) {
    const { lost, contentLost } = data as Recovery
    losses.push(...lost, ...contentLost)
  }
  await ledger.close()
  // What a disk cannot read is lost to a recovery, which says so.
  if (fault === "EIO" && losses.length > 0) return
  expect(losses).toEqual([])
  const found = typesOf(await examine(recovered))
  const [, ...rest] = typesOf(await examine(directory))
  expect(found.length).toBeGreaterThan(before)
  expect(["ledger-created", "ledger-recovered", ...rest].slice(0, found.length)).toEqual(found)
}

/** What was due is gone, whoever removed it, and it was said once; the rest is there. */
const expectSwept = async (directory: string, { before, made }: Tried): Promise<void> => {
  const events = await examine(directory)
  expect(typesOf(events.filter(({ type }) => made.includes(type)))).toEqual(made)
  const swept = sweptIn(events)
  expect(swept.size).toBe(2)
  const ledger = await openLedger(directory)
  for (const { type, position, data } of events.slice(0, before)) {
    if (type !== "version-saved" || !swept.has(data.version.id)) continue
    const read = ledger.asOf(position).load(data.version.id)
    await expect(read).rejects.toMatchObject({ _tag: "ContentGone" })
  }
  expect(await ledger.usage({ undoDays: 0 })).toMatchObject({ reclaimable: 0, undo: 0 })
  await ledger.restore({ artifact: "whole" })
  await ledger.close()
}

/** Of what lies in the packs, nothing is counted free, or needed, that does not lie there. */
const expectAccounted = async (directory: string): Promise<void> => {
  const ledger = await openLedger(directory)
  const { stored, undo, reclaimable } = await ledger.usage({ undoDays: 0 })
  const { bytes } = await ledger.sweep({ undoDays: 0, dryRun: true })
  await ledger.close()
  expect(bytes).toBe(reclaimable)
  expect(stored + undo + reclaimable).toBeLessThanOrEqual(packsSize(directory))
}

/** Tried again, an operation with a key makes what it has made already, or makes it now. */
const expectOnce = async (directory: string, tried: Tried, fault: Fault): Promise<void> => {
  const { operation, made } = tried
  const told: Array<Told> = []
  const tell = (value: unknown): void => void told.push(value as Told)
  const names = (path: string) => (existsSync(path) ? readdirSync(path) : [])
  const read = createReadStream
  const speaking = { tell, told: () => Promise.resolve("go"), names, room: () => 0, read }
  const stage: Stage = { openLedger, recover, ...speaking }
  if (operation === "sweep") await expectAccounted(directory)
  const size = packsSize(directory)
  await perform(stage, directory, operation, "again")
  expect(told.filter(({ error }) => error !== undefined)).toEqual([])
  const kept = told.find(({ step }) => step === "kept")
  if (isKeyed(tried)) expect(kept?.types).toEqual(made)
  if (operation === "backup")
    expect(await examine(`${directory}-backup`)).toEqual(await examine(directory))
  if (operation === "recover") await expectRecovered(directory, tried, fault)
  if (operation !== "sweep") return
  expect(told.find(({ step }) => step === "act")?.bytes).toBe(size - packsSize(directory))
  await expectAccounted(directory)
  await expectSwept(directory, tried)
}

const next = numbers(seed)

/** Every call of the operation with every fault that tells anything about it. */
const pointsOf = async (tried: Tried): Promise<ReadonlyArray<Point>> => {
  const { root, told, trace } = await run(tried, "once", () => listing)
  expect(told).toMatchObject([{ step: "act", position: tried.before + tried.made.length }])
  rmSync(root, { recursive: true })
  const points = pointsIn(trace, root)
  // A seal is written beside its place.
  const paths = points.map(({ call }) => call.path)
  if (tried.operation === "seal")
    expect(paths).toContainEqual(expect.stringMatching("^ledger/tmp/"))
  return points
}

describe.skipIf(why !== undefined)(
  `system calls, ${share} of them (SYSTEM_CALL_SEED=${seed})${without}`,
  () => {
    beforeAll(prepare)

    it.each(operations)(
      "of $operation on a ledger that $state leave nothing false or lost",
      { timeout: 3_600_000 },
      async (tried) => {
        const points = (await pointsOf(tried)).filter(() => next(1_000) < share * 1_000)
        const attempting: Attempting<Told> = {
          run: ({ call, fault }) =>
            run(tried, fault === "KILL" ? "once" : "on", (root) =>
              spoiling(call, fault, root, directories),
            ),
          judge: (trial, { fault }) => judge(trial, tried, fault),
        }
        await expectSound(attempting, points)
      },
    )
  },
)

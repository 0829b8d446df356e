/**
 * A ledger in a directory, to be written: found or made, locked, its log set aside until it is
 * proven. One that is found damaged is put back as it was, and opened only to be asked.
 */
import { rm } from "node:fs/promises"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Finding } from "../blob/damage.js"
import * as Filesystem from "../blob/filesystem.js"
import { copyPacks as copyPacksTo } from "../blob/pack-copy.js"
import { Damage } from "../disk/damage.js"
import { generationOf, namesIn } from "../disk/database.js"
import { isThere, makeDirectory, replaceFile } from "../disk/files.js"
import { Reserve } from "../disk/reserve.js"
import { isFullDisk } from "../disk/room.js"
import { type Failure, LogFailure, type Refusal, WrongLedger } from "../errors.js"
import type { Durability } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import { storageReason } from "../model/cause.js"
import * as LevelViews from "../view/level.js"
import type { LedgerApi } from "./api.js"
import { attempt, beginLedger, finishLedger, readIdentity } from "./create.js"
import { type Layout, layoutOf, reserveBytes } from "./layout.js"
import { type LedgerOptions, openLedgerAt } from "./ledger.js"
import { lock } from "./lock.js"
import type { Place } from "./place.js"
import {
  damagedLog,
  endOpening,
  giveUpOpening,
  inspectAside,
  isDamage,
  keepOpening,
} from "./quarantine.js"
import { openForReading } from "./reading.js"
import { encodeTip } from "./tip.js"
import { contentDamage } from "./trust.js"

export interface WritingOptions {
  readonly directory: string
  readonly durability: Durability
  /** Whether to make a ledger where there is none. */
  readonly create: boolean
}

const sealFailure = (path: string) => (cause: unknown) =>
  new LogFailure({
    message: `the seal ${path} cannot be written: look at the disk`,
    operation: "seal",
    reason: storageReason(cause),
    outcome: "none",
    cause,
  })

/** Finds a ledger or makes one, and holds its lock, before anything else in it is touched. */
const findOrMake = Effect.fnUntraced(function* ({ directory, create }: WritingOptions) {
  const found = yield* readIdentity(directory)
  if (found === undefined && !create)
    return yield* new WrongLedger({
      message: `there is no ledger in ${directory}, and create is false: check the path`,
      directory,
    })
  if (found === undefined) yield* beginLedger(directory)
  yield* lock(directory)
  // Read again: another process may have changed what it says until the lock was ours.
  return yield* finishLedger(directory)
})

/** What cannot be made anew: where it is gone altogether, opening would only hide the loss. */
const checkPieces = Effect.fnUntraced(function* (directory: string) {
  const { packs, log } = layoutOf(directory)
  if (!(yield* attempt(directory, () => isThere(packs))))
    return yield* new WrongLedger({
      message: `${packs} is missing, and with it all content: put it back, or restore a backup`,
      directory,
    })
  if ((yield* attempt(directory, () => namesIn(log))).length === 0)
    return yield* new LogFailure({
      message: `${log} is missing, and with it all events: put it back, or restore a backup`,
      operation: "open",
      reason: "missing",
      outcome: "none",
    })
})

/** Empties what an earlier process left unfinished. */
const clean = async ({ tmp, view, quarantine, making }: Layout): Promise<void> => {
  for (const path of [tmp, making]) await rm(path, { recursive: true, force: true })
  for (const path of [tmp, view, quarantine]) await makeDirectory(path)
}

/** Room that is kept: nothing can be opened on a disk that is full, nor given back to it. */
const reserveOf = ({ reserve }: Layout): Reserve => new Reserve(reserve, reserveBytes)

const withReserve =
  (layout: Layout): NonNullable<Place["withReserve"]> =>
  (act) => {
    const reserve = reserveOf(layout)
    return Effect.promise(() => isFullDisk(layout.log)).pipe(
      Effect.flatMap((isFull) => Effect.promise(async () => isFull && (await reserve.giveUp()))),
      Effect.andThen(act),
      Effect.ensuring(Effect.promise(() => reserve.keep())),
    )
  }

const prepare = Effect.fnUntraced(function* (options: WritingOptions) {
  const { directory } = options
  const identity = yield* findOrMake(options)
  const layout = layoutOf(directory)
  yield* checkPieces(directory)
  yield* attempt(directory, () => clean(layout))
  const { tip, generation, end } = yield* attempt(directory, () => inspectAside(layout))
  const writeSeal: Place["writeSeal"] = (edge) =>
    Effect.tryPromise({
      try: async () => {
        const text = encodeTip({
          ledger: identity.id,
          edge,
          generation: await generationOf(layout.log),
        })
        await replaceFile(layout.tip, text, layout.tmp)
      },
      catch: sealFailure(layout.tip),
    })
  const reserve = { withReserve: withReserve(layout) }
  const { tmp } = layout
  const known = { identity, directory, tmp, tip, generation, writeSeal, ...reserve }
  if (end instanceof Damage) return { layout, place: known, damage: damagedLog(directory, end) }
  const place: Place = { ...known, end }
  return { layout, place, damage: undefined }
})

const storesOf = (
  layout: Layout,
  place: Place,
  durability: Durability,
  told: Pick<Filesystem.FilesystemOptions, "onFinding" | "onRepair">,
) => {
  const { log, view, blob, quarantine } = layout
  return Layer.mergeAll(
    LevelLog.layer({ directory: log, durability, create: false }),
    LevelViews.layer({
      directory: view,
      aside: join(quarantine, `view-${process.hrtime.bigint()}`),
    }),
    Filesystem.layer({
      directory: blob,
      chunking: place.identity.chunking,
      durable: durability === "synced",
      quarantine,
      reserve: reserveOf(layout),
      ...told,
    }),
  )
}

const isFull = (error: Failure | Refusal): boolean => "reason" in error && error.reason === "full"

/** What an effect acquires lives as long as the current scope, or goes at once when it fails. */
const allOrNothing = Effect.fnUntraced(function* <A, E>(
  effect: Effect.Effect<A, E, Scope.Scope>,
): Effect.fn.Return<A, E, Scope.Scope> {
  const scope = yield* Scope.make()
  const exit = yield* Effect.exit(Scope.provide(effect, scope))
  if (Exit.isFailure(exit)) yield* Scope.close(scope, exit)
  else yield* Effect.addFinalizer((end) => Scope.close(scope, end))
  return yield* exit
})

const open = Effect.fnUntraced(function* (given: WritingOptions, options: LedgerOptions) {
  const { directory, durability } = given
  const { layout, place, damage } = yield* prepare(given)
  const findings: Array<Finding> = []
  const repaired: Array<string> = []
  const stores = storesOf(layout, place, durability, {
    onFinding: (finding) => void findings.push(finding),
    onRepair: (text) => void repaired.push(text),
  })
  const opened = Effect.flatMap(Layer.build(stores), (context) => {
    const { marks } = Context.get(context, Filesystem.PackMarks)
    const copyPacks: Place["copyPacks"] = ({ packs: to, quarantine }) =>
      copyPacksTo({ from: layout.packs, to, quarantine, marks })
    const known = { ...place, copyPacks, repaired, damagedContent: contentDamage(findings) }
    return Effect.provide(openLedgerAt(known, options), context)
  })
  // What is known to be damaged is not opened: LevelDB may even end the process over it.
  const proven = yield* Effect.exit(
    damage === undefined ? allOrNothing(opened) : Effect.fail(damage),
  )
  if (Exit.isSuccess(proven)) {
    yield* attempt(directory, () => endOpening(layout))
    yield* attempt(directory, () => reserveOf(layout).keep())
    return proven.value
  }
  const error = Cause.squash(proven.cause)
  if (!isDamage(error)) {
    yield* attempt(directory, () => giveUpOpening(layout))
    return yield* proven
  }
  const log = yield* attempt(directory, () => keepOpening(layout))
  return yield* openForReading({ directory, log, temporary: layout.tmp, cause: error }, options)
})

/** Opens the ledger of a directory, or makes it, in the current scope. */
export const openForWriting = (
  given: WritingOptions,
  options: LedgerOptions,
): Effect.Effect<LedgerApi<"effect">, Failure | Refusal, Scope.Scope> => {
  const once = allOrNothing(open(given, options))
  const reserve = reserveOf(layoutOf(given.directory))
  return Effect.catchIf(once, isFull, () =>
    Effect.andThen(
      Effect.promise(() => reserve.giveUp()),
      once,
    ),
  )
}

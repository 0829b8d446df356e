/**
 * A ledger of somebody else, in a directory, only to be asked: log, views and the index of the
 * blobs are copied aside, packs are read in place. Takes no lock, and changes neither a byte nor a
 * time stamp of the directory, which may be on a disk that cannot be written.
 *
 * Views first, then the log, then the blobs: so each of them holds what the one before it needs.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { BlobStore } from "../blob/blob-store.js"
import { copyPacks } from "../blob/pack-copy.js"
import { openReading } from "../blob/reading.js"
import { type Failure, LedgerReadOnly, LogFailure, type Refusal, WrongLedger } from "../errors.js"
import { EventLog } from "../log/event-log.js"
import * as LogCopy from "../log/level-copy.js"
import { storageReason } from "../model/cause.js"
import * as ViewCopy from "../view/level-copy.js"
import { ViewStore } from "../view/view-store.js"
import type { LedgerApi } from "./api.js"
import { attempt, readIdentity } from "./create.js"
import { layoutOf } from "./layout.js"
import { type LedgerOptions, openLedgerAt } from "./ledger.js"
import type { Place } from "./place.js"
import { readTip } from "./tip.js"
import { contentDamage, type Damage } from "./trust.js"

export interface ReadingOptions {
  /** Of the ledger. */
  readonly directory: string
  /** Where the log lies: that of the ledger, or what was kept of it. */
  readonly log: string
  /** Where copies are made; without it in a directory of their own, which goes with the scope. */
  readonly temporary?: string
  /** Why it can only be asked, where that is not what the caller wanted. */
  readonly cause?: Error
}

const temporaryDirectory: Effect.Effect<string, LogFailure, Scope.Scope> = Effect.acquireRelease(
  Effect.tryPromise({
    try: () => mkdtemp(join(tmpdir(), "daybook-")),
    catch: (cause) =>
      new LogFailure({
        message: `${tmpdir()} takes no copies to read from: set TMPDIR to a directory with room`,
        operation: "open",
        reason: storageReason(cause),
        outcome: "none",
        cause,
      }),
  }),
  // What cannot be removed takes nothing back that was read.
  (directory) =>
    Effect.promise(() => rm(directory, { recursive: true, force: true }).catch(() => undefined)),
)

const refusalOf = ({ directory, cause }: ReadingOptions): LedgerReadOnly =>
  new LedgerReadOnly({
    message:
      cause === undefined
        ? `${directory} was opened with readOnly: open it without, where no other process has it`
        : `${directory} is damaged and only read: ${cause.message}`,
    directory,
    ...(cause === undefined ? {} : { cause }),
  })

const readOut = (damage: Error): Damage => ({
  text: `the files of the log are damaged (${damage.message}): what is whole was read out of them`,
})

/** Opens a ledger for reading in the current scope. */
export const openForReading = Effect.fnUntraced(function* (
  given: ReadingOptions,
  options: LedgerOptions,
): Effect.fn.Return<LedgerApi<"effect">, Failure | Refusal, Scope.Scope> {
  const { directory } = given
  const identity = yield* readIdentity(directory)
  if (identity === undefined)
    return yield* new WrongLedger({
      message: `there is no ledger in ${directory} to read: check the path`,
      directory,
    })
  const layout = layoutOf(directory)
  const tip = yield* attempt(directory, () => readTip(layout.tip))
  const temporary = given.temporary ?? (yield* temporaryDirectory)
  const views = yield* ViewCopy.openCopy({ directory: layout.view, temporary })
  const { log, renew, damage, end } = yield* LogCopy.openCopy({
    directory: given.log,
    temporary,
    isThorough: given.cause !== undefined,
  })
  const blobs = yield* openReading({ directory: layout.blob, temporary })
  const place: Place = {
    identity,
    directory,
    tip,
    end,
    writeSeal: () => Effect.void,
    copyPacks: ({ packs: to, quarantine }) =>
      copyPacks({ from: layout.packs, to, quarantine, marks: blobs.marks }),
    damagedContent: contentDamage(blobs.findings),
    reading: {
      refusal: refusalOf(given),
      damaged: damage === undefined ? [] : [readOut(damage)],
      renew: Effect.andThen(renew, blobs.renew),
    },
  }
  const stores = Layer.mergeAll(
    Layer.succeed(EventLog, log),
    Layer.succeed(ViewStore, views),
    Layer.succeed(BlobStore, blobs.blobs),
  )
  return yield* Effect.provide(openLedgerAt(place, options), stores)
})

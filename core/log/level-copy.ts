/**
 * The log of somebody else, read only: a copy of a LevelDB directory, renewed when asked. It takes
 * no lock and no appends, and changes nothing of the original, which may be written meanwhile.
 *
 * Where the files are damaged, the log is what is whole of them; what is missing then shows as in
 * any log. Knows nothing about events.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Level } from "level"
import { type Borrowed, borrow } from "../disk/borrow.js"
import { LogFailure, RecordCorrupted } from "../errors.js"
import { storageReason } from "../model/cause.js"
import type { EventLogShape } from "./event-log.js"
import { LogGuard } from "./level-guard.js"
import { findHead, getEach, readRange, type Source, type Store } from "./level-records.js"
import { salvageInto } from "./level-salvage.js"
import { lastCovered } from "./rules.js"

export interface LevelCopyOptions {
  /** The original. */
  readonly directory: string
  /** Where the copies are made: a directory that is there, and goes with whoever made it. */
  readonly temporary: string
  /** Whether everything is checked before, not only what takes no time. */
  readonly isThorough?: boolean
}

export interface LogCopy {
  /** Its head is that of the last renewal. */
  readonly log: EventLogShape
  /** From now on the log is what the original holds now. */
  readonly renew: Effect.Effect<void, LogFailure>
  /** What keeps LevelDB from opening the original as it is, at the beginning. */
  readonly damage: Error | undefined
  /** The last position that the damaged files are known to have held; 0 where that is not known. */
  readonly end: number
}

/** A log that is a copy; with `create` an empty one. */
export const openStore = async (directory: string, create = false): Promise<Store> => {
  const store: Store = new Level<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    createIfMissing: create,
  })
  await store.open()
  return store
}

/** What is open in a copy. */
interface Opened extends Source {
  readonly close: () => Promise<void>
  readonly damage: Error | undefined
  readonly end: number
}

const openGuarded = async (directory: string, bytesMax: number | undefined): Promise<Opened> => {
  const bound = bytesMax === undefined ? {} : { bytesMax }
  const guard = await LogGuard.open({ directory, isCopy: true, ...bound })
  try {
    const store = await openStore(directory)
    const close = () => store.close().finally(() => guard.close())
    return { store, guard, close, damage: undefined, end: 0 }
  } catch (cause) {
    guard.close()
    throw cause
  }
}

/** What was just written needs none. */
const unguarded: Source["guard"] = {
  checkEnds: () => undefined,
  isSafe: () => true,
  isSafeToScan: () => true,
  firstDamaged: () => undefined,
}

const openSalvaged = async (directory: string, damage: Error): Promise<Opened> => {
  const store = await openStore(join(directory, "whole"), true)
  const close = () => store.close()
  try {
    const end = await salvageInto(store, directory)
    return { store, guard: unguarded, close, damage, end }
  } catch (cause) {
    await close()
    throw cause
  }
}

/** An opened copy; closed when it was replaced and nobody reads it any more. */
class Held {
  readonly opened: Opened
  readonly head: number
  readonly #giveBack: () => Promise<void>
  #readers = 0
  #isReplaced = false

  constructor({ opened, giveBack }: Borrowed<Opened>, head: number) {
    this.opened = opened
    this.head = head
    this.#giveBack = giveBack
  }

  async read<A>(run: (source: Source) => Promise<A>): Promise<A> {
    this.#readers += 1
    try {
      return await run(this.opened)
    } finally {
      this.#readers -= 1
      await this.#closeIfIdle()
    }
  }

  async replace(): Promise<void> {
    this.#isReplaced = true
    await this.#closeIfIdle()
  }

  async #closeIfIdle(): Promise<void> {
    if (this.#isReplaced && this.#readers === 0) await this.close()
  }

  async close(): Promise<void> {
    await this.opened.close()
    await this.#giveBack()
  }
}

const isDamaged = (cause: unknown): boolean => ["damaged", "missing"].includes(storageReason(cause))

const held = async (borrowed: Borrowed<Opened>): Promise<Held> => {
  try {
    return new Held(borrowed, await findHead(borrowed.opened))
  } catch (cause) {
    await borrowed.opened.close()
    await borrowed.giveBack()
    throw cause
  }
}

const borrowStore = async (
  from: string,
  to: string,
  bytesMax: number | undefined,
): Promise<Held> => {
  try {
    return await held(await borrow(from, to, (copy) => openGuarded(copy, bytesMax)))
  } catch (cause) {
    if (!isDamaged(cause) || !(cause instanceof Error)) throw cause
    return await held(await borrow(from, to, (copy) => openSalvaged(copy, cause), "all"))
  }
}

const failure = (operation: string, message: string, cause: unknown) =>
  new LogFailure({ message, operation, reason: storageReason(cause), outcome: "none", cause })

const readOnly = (): LogFailure =>
  new LogFailure({
    message: "this log is a copy to be read: open the original to write",
    operation: "append",
    reason: "read-only",
    outcome: "none",
  })

/** Opens a copy of the log in a directory, given back with the scope. */
export const openCopy = Effect.fnUntraced(function* ({
  directory,
  temporary,
  isThorough = false,
}: LevelCopyOptions): Effect.fn.Return<LogCopy, LogFailure, Scope.Scope> {
  let count = 0
  const borrowNext = Effect.tryPromise({
    try: () => {
      count += 1
      // What a renewal finds anew is little: it is checked before it is read.
      const bytesMax = isThorough ? Number.POSITIVE_INFINITY : count > 1 ? 0 : undefined
      return borrowStore(directory, join(temporary, `log-${count}`), bytesMax)
    },
    catch: (cause) =>
      failure("open", `the log in ${directory} cannot be copied: fix what the cause names`, cause),
  })
  const current = yield* Effect.acquireRelease(
    Effect.map(borrowNext, (held) => ({ held })),
    (own) => Effect.promise(() => own.held.close()),
  )
  const observe = <A>(
    operation: string,
    run: (source: Source, signal: AbortSignal) => Promise<A>,
  ) =>
    Effect.tryPromise({
      try: (signal) => current.held.read((store) => run(store, signal)),
      catch: (cause) =>
        cause instanceof RecordCorrupted
          ? cause
          : failure(operation, `the copy of ${directory} cannot be read: open it again`, cause),
    })
  const log: EventLogShape = {
    durability: "synced",
    head: Effect.sync(() => current.held.head),
    append: () => Effect.fail(readOnly()),
    read: (after, countMax) =>
      Effect.suspend(() => {
        const last = lastCovered(after, countMax, current.held.head)
        if (last === after) return Effect.succeed([])
        return observe("read", (store, signal) => readRange(store, after, last, signal))
      }),
    get: (positions) => observe("get", (store) => getEach(store, positions, current.held.head)),
    flush: Effect.void,
  }
  const renew = Effect.uninterruptible(
    Effect.flatMap(borrowNext, (next) => {
      const before = current.held
      current.held = next
      return Effect.promise(() => before.replace())
    }),
  )
  return { log, renew, damage: current.held.opened.damage, end: current.held.opened.end }
})

/**
 * The log of somebody else, read only: a copy of a LevelDB directory, renewed when asked. It takes
 * no lock and no appends, and changes nothing of the original, which may be written meanwhile.
 *
 * What LevelDB cannot open is repaired in the copy as far as it can; what is missing then shows as
 * in any log. Knows nothing about events.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Level } from "level"
import { type Borrowed, borrow } from "../disk/borrow.js"
import { LogFailure, RecordCorrupted } from "../errors.js"
import { storageReason } from "../model/cause.js"
import type { EventLogShape } from "./event-log.js"
import { findHead, getEach, readRange, type Store } from "./level-records.js"
import { lastCovered } from "./rules.js"

export interface LevelCopyOptions {
  /** The original. */
  readonly directory: string
  /** Where the copies are made: a directory that is there, and goes with whoever made it. */
  readonly temporary: string
}

export interface LogCopy {
  /** Its head is that of the last renewal. */
  readonly log: EventLogShape
  /** From now on the log is what the original holds now. */
  readonly renew: Effect.Effect<void, LogFailure>
  /** Whether LevelDB could not open the original as it was. */
  readonly isRepaired: boolean
}

const openStore = async (directory: string): Promise<Store> => {
  const store: Store = new Level<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    createIfMissing: false,
  })
  await store.open()
  return store
}

// Its type says nothing of it, since browsers have none.
const repair: unknown = Reflect.get(Level, "repair")

/** LevelDB's own repair: makes a manifest of whatever tables and logs it can read. */
const openRepaired = async (directory: string): Promise<Store> => {
  if (typeof repair !== "function") throw new Error("this LevelDB has no repair")
  await Reflect.apply(repair, Level, [directory])
  return await openStore(directory)
}

/** An opened copy; closed when it was replaced and nobody reads it any more. */
class Held {
  readonly store: Store
  readonly head: number
  readonly isRepaired: boolean
  readonly #giveBack: () => Promise<void>
  #readers = 0
  #isReplaced = false

  constructor({ opened, giveBack }: Borrowed<Store>, head: number, isRepaired: boolean) {
    this.store = opened
    this.head = head
    this.isRepaired = isRepaired
    this.#giveBack = giveBack
  }

  async read<A>(run: (store: Store) => Promise<A>): Promise<A> {
    this.#readers += 1
    try {
      return await run(this.store)
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
    await this.store.close()
    await this.#giveBack()
  }
}

const isDamaged = (cause: unknown): boolean => ["damaged", "missing"].includes(storageReason(cause))

const borrowStore = async (from: string, to: string): Promise<Held> => {
  let isRepaired = false
  const borrowed = await borrow(from, to, openStore).catch((cause: unknown) => {
    if (!isDamaged(cause)) throw cause
    isRepaired = true
    return borrow(from, to, openRepaired, "all")
  })
  return new Held(borrowed, await findHead(borrowed.opened), isRepaired)
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
}: LevelCopyOptions): Effect.fn.Return<LogCopy, LogFailure, Scope.Scope> {
  let count = 0
  const borrowNext = Effect.tryPromise({
    try: () => {
      count += 1
      return borrowStore(directory, join(temporary, `log-${count}`))
    },
    catch: (cause) =>
      failure("open", `the log in ${directory} cannot be copied: fix what the cause names`, cause),
  })
  const current = yield* Effect.acquireRelease(
    Effect.map(borrowNext, (held) => ({ held })),
    (own) => Effect.promise(() => own.held.close()),
  )
  const observe = <A>(operation: string, run: (store: Store, signal: AbortSignal) => Promise<A>) =>
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
  return { log, renew, isRepaired: current.held.isRepaired }
})

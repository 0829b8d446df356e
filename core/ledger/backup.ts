/**
 * Backup: makes another directory this ledger as it is now, or brings an earlier backup there up to
 * it. Works beside writers, and copies only what is new.
 *
 * Packs first, then events, then the seal, and in a new directory the identity last: a backup that
 * was cut short is one of an earlier moment, or none yet. Views are not copied; opening makes them.
 */
import { resolve } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { PackCopied } from "../blob/pack-copy.js"
import { Damage } from "../disk/damage.js"
import { generationOf } from "../disk/database.js"
import { makeDirectory, replaceFile } from "../disk/files.js"
import { type Failure, InvalidInput, type Refusal, WrongLedger } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { replayPageCount } from "../limits.js"
import { EventLog, type EventLogShape } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import { checkOptions, directoryPath } from "../model/input.js"
import { appendRecords, type Edge, emptyEdge } from "../proof/merkle.js"
import { parsedInput } from "../query/input.js"
import type { BackupReceipt } from "./answers.js"
import { checkApart } from "./apart.js"
import { attempt, beginLedger, finishWith, readIdentity } from "./create.js"
import type { Engine } from "./engine.js"
import { type Layout, layoutOf } from "./layout.js"
import { lock } from "./lock.js"
import {
  damagedLog,
  endOpening,
  giveUpOpening,
  inspectAside,
  isDamage,
  keepOpening,
} from "./quarantine.js"
import { encodeTip } from "./tip.js"
import { type Claim, checkLog, printRoot } from "./trust.js"

/** What is backed up: its place knows how packs are copied. */
type Source = Pick<Engine, "log" | "place">

const otherLedger = (directory: string, expected: string, found: string, why: string) =>
  new WrongLedger({
    message: `${directory} ${why}: choose an empty directory, or an earlier backup of this ledger`,
    directory,
    expected,
    found,
  })

/** Refuses a directory that has other events than the ledger has at their positions. */
const checkPrefix = Effect.fnUntraced(function* (
  log: EventLogShape,
  target: EventLogShape,
  directory: string,
) {
  const [head, end] = [yield* log.head, yield* target.head]
  if (end > head)
    return yield* otherLedger(
      directory,
      `at most ${head} events`,
      `${end} events`,
      "has events that this ledger lacks",
    )
  if (end === 0) return
  const [own] = yield* log.get([end])
  const [theirs] = yield* target.get([end])
  if (own !== undefined && theirs !== undefined && !isDeepStrictEqual(own.body, theirs.body))
    return yield* otherLedger(
      directory,
      `the event ${end} of this ledger`,
      `another event ${end}`,
      "went its own way since it was a backup",
    )
})

/** What an earlier backup says of itself, its log set aside until it is proven. */
const claimOf = async ({ place }: Source, directory: string, layout: Layout) => {
  for (const path of [layout.tmp, layout.quarantine]) await makeDirectory(path)
  const inspected = await inspectAside(layout)
  return { directory, identity: place.identity, codec: makeCodec(catalog), ...inspected }
}

/** Adds what an earlier backup lacks, once it is proven as opening proves it. */
const extend = Effect.fnUntraced(function* <A, E>(
  source: Source,
  directory: string,
  add: (edge: Edge) => Effect.Effect<A, E, EventLog>,
) {
  const layout = layoutOf(directory)
  const { end, ...known } = yield* attempt(directory, () => claimOf(source, directory, layout))
  let isProven = false
  const proving = Effect.gen(function* () {
    const target = yield* EventLog
    const claim: Claim = { ...known, log: target, ...(end instanceof Damage ? {} : { end }) }
    const { edge } = yield* checkLog(claim)
    yield* checkPrefix(source.log, target, directory)
    yield* attempt(directory, () => endOpening(layout))
    isProven = true
    return yield* add(edge)
  })
  const opening = Effect.provide(
    proving,
    LevelLog.layer({ directory: layout.log, durability: "synced", create: false }),
  )
  const exit = yield* Effect.exit(
    end instanceof Damage ? Effect.fail(damagedLog(directory, end)) : opening,
  )
  if (Exit.isFailure(exit) && !isProven) {
    const leave = isDamage(Cause.squash(exit.cause)) ? keepOpening : giveUpOpening
    yield* attempt<unknown>(directory, () => leave(layout))
  }
  return yield* exit
})

const nothing: PackCopied = { bytes: 0, settle: Effect.void }

const fill = Effect.fnUntraced(function* (source: Source, directory: string, isNew: boolean) {
  const { place, log } = source
  const layout = layoutOf(directory)
  const add = Effect.fnUntraced(function* (proven: Edge) {
    const target = yield* EventLog
    // First: what these events name is in the packs by now.
    const head = yield* log.head
    const { bytes, settle } = yield* place.copyPacks?.(layout) ?? Effect.succeed(nothing)
    let edge = proven
    while (edge.size < head) {
      const records = yield* log.read(edge.size, Math.min(replayPageCount, head - edge.size))
      const bodies = records.map(({ body }) => body)
      yield* target.append(edge.size, bodies)
      edge = appendRecords(edge, bodies)
    }
    const generation = yield* attempt(directory, () => generationOf(layout.log))
    return { edge, generation, events: head - proven.size, bytes, settle }
  })
  const { edge, generation, events, bytes, settle } = yield* isNew
    ? Effect.provide(
        add(emptyEdge),
        LevelLog.layer({ directory: layout.log, durability: "synced", create: true }),
      )
    : extend(source, directory, add)
  const seal = encodeTip({ ledger: place.identity.id, edge, generation })
  yield* attempt(directory, () => replaceFile(layout.tip, seal, layout.tmp))
  // Last: until now it may be asked for what was removed since the backup before this one.
  yield* settle
  return { position: edge.size, root: printRoot(edge), events, bytes }
})

const backUp = Effect.fnUntraced(function* (
  source: Source,
  directory: string,
): Effect.fn.Return<BackupReceipt, Failure | Refusal, Scope.Scope> {
  const { identity, copyPacks } = source.place
  if (copyPacks === undefined)
    return yield* new InvalidInput({
      message: "a ledger in memory has no files to back up: save what it holds in another ledger",
      path: "backup",
    })
  yield* checkApart(source.place.directory, directory, "directory")
  const found = yield* readIdentity(directory)
  if (found === undefined) yield* beginLedger(directory)
  yield* lock(directory)
  const there = yield* readIdentity(directory)
  if (there === undefined)
    return yield* finishWith(directory, identity, fill(source, directory, true))
  if (!isDeepStrictEqual(there, identity))
    return yield* otherLedger(directory, identity.id, there.id, "holds another ledger")
  return yield* fill(source, directory, false)
})

/** Fails with `WrongLedger` where the directory holds anything but an earlier backup. */
export const backup = (source: Source) =>
  Effect.fn("Ledger.backup")(function* (directory: string, options: object = {}) {
    const path = yield* parsedInput(() => {
      checkOptions(options, ["signal"])
      return resolve(directoryPath(directory, "directory", "of the backup"))
    })
    return yield* Effect.scoped(backUp(source, path))
  })

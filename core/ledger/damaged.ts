/**
 * A ledger as it is taken apart for a recovery: its log and contents around whatever is damaged,
 * and how far it is known to have come. Like any reader it takes no lock and changes nothing.
 */
import { mkdir } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import { openReading } from "../blob/reading.js"
import { Damage } from "../disk/damage.js"
import { directoryMode, isThere } from "../disk/files.js"
import { BlobCorrupted, type Failure, WrongLedger } from "../errors.js"
import type { EventLogShape } from "../log/event-log.js"
import * as LogCopy from "../log/level-copy.js"
import { endOrDamage } from "../log/level-end.js"
import { storageReason } from "../model/cause.js"
import { openNumbered } from "../view/commits.js"
import * as ViewCopy from "../view/level-copy.js"
import { attempt, readIdentity } from "./create.js"
import type { Identity } from "./identity.js"
import { layoutOf } from "./layout.js"
import { readTip, type Tip } from "./tip.js"
import { sealOfAnother } from "./trust.js"

export interface Damaged {
  readonly identity: Identity
  readonly directory: string
  readonly log: EventLogShape
  readonly blobs: Pick<BlobStoreShape, "read">
  readonly tip: Tip | undefined
  /** The last event that is known to have been stored. */
  readonly end: number
}

export const wrongDirectory = (directory: string, message: string): WrongLedger =>
  new WrongLedger({ message: `${directory} ${message}`, directory })

/** The identity of the ledger in a directory; fails where there is none. */
export const identityOf = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<Identity, Failure> {
  const identity = yield* readIdentity(directory)
  return identity ?? (yield* wrongDirectory(directory, "holds no ledger: check the path"))
})

/** What reads where all packs are gone. */
const noBlobs: Damaged["blobs"] = {
  read: (digest) => {
    const message = `the content ${digest} is not in the store: its packs are missing`
    return Stream.fail(new BlobCorrupted({ message, digest }))
  },
}

/** Where the files of the log say that it ends; 0 where damage keeps them from saying it. */
const endOfFiles = async (log: string): Promise<number> => {
  try {
    const end = await endOrDamage(log)
    return end instanceof Damage ? 0 : end
  } catch (cause) {
    if (["damaged", "missing"].includes(storageReason(cause))) return 0
    throw cause
  }
}

/** Opens it in the current scope; copies are made in `temporary`, which is made for them. */
export const openDamaged = Effect.fnUntraced(function* (
  directory: string,
  temporary: string,
): Effect.fn.Return<Damaged, Failure, Scope.Scope> {
  const identity = yield* identityOf(directory)
  const layout = layoutOf(directory)
  yield* attempt(temporary, () => mkdir(temporary, { mode: directoryMode }))
  // What says how far it had come is read first: a writer may go on meanwhile.
  const tip = yield* attempt(directory, () => readTip(layout.tip))
  const wrong = sealOfAnother({ tip, identity, directory })
  if (wrong !== undefined) return yield* wrong
  const views = yield* ViewCopy.openCopy({ directory: layout.view, temporary })
  const { found } = yield* openNumbered(views)
  const inFiles = yield* attempt(directory, () => endOfFiles(layout.log))
  const copy = yield* LogCopy.openCopy({ directory: layout.log, temporary, isThorough: true })
  const { log } = copy
  const end = Math.max(tip?.edge.size ?? 0, found.reached, inFiles, copy.end)
  const isStored = yield* attempt(directory, () => isThere(layout.packs))
  const blobs = isStored
    ? (yield* openReading({ directory: layout.blob, temporary })).blobs
    : noBlobs
  return { identity, directory, log, blobs, tip, end }
})

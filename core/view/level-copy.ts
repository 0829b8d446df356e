/**
 * The views of somebody else: a copy of their LevelDB directory, to be read and caught up at will.
 * Nothing of the original changes, and whoever owns it may go on writing.
 *
 * Where no copy can be opened, it is empty: rows can be rebuilt.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { borrow } from "../disk/borrow.js"
import { Damage } from "../disk/damage.js"
import type { ViewFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import { failure, openLevelViews } from "./level.js"
import type { ViewStoreShape } from "./view-store.js"

export interface ViewCopyOptions {
  /** The original. */
  readonly directory: string
  /** Where the copy is made: a directory that goes with whoever made it. */
  readonly temporary: string
}

const isUseless = (cause: unknown): boolean =>
  cause instanceof Damage || ["damaged", "missing"].includes(storageReason(cause))

const copy = async ({ directory, temporary }: ViewCopyOptions) => {
  const to = join(temporary, "view")
  try {
    return await borrow(directory, to, (path) => openLevelViews({ directory: path }))
  } catch (cause) {
    if (!isUseless(cause)) throw cause
    const opened = await openLevelViews({ directory: to })
    return { opened, giveBack: () => Promise.resolve() }
  }
}

/** Opens a copy of the views in a directory, given back with the scope. */
export const openCopy = (
  options: ViewCopyOptions,
): Effect.Effect<ViewStoreShape, ViewFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => copy(options),
      catch: (cause) => failure("open", "none", cause),
    }),
    ({ opened, giveBack }) => Effect.promise(() => opened.close().then(giveBack)),
  ).pipe(Effect.map(({ opened }) => opened))

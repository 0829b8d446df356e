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
import type { ViewFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import { failure, openThere, shapeOf } from "./level.js"
import type { ViewStoreShape } from "./view-store.js"

export interface ViewCopyOptions {
  /** The original. */
  readonly directory: string
  /** Where the copy is made: a directory that goes with whoever made it. */
  readonly temporary: string
}

const copy = async ({ directory, temporary }: ViewCopyOptions) => {
  const to = join(temporary, "view")
  try {
    return await borrow(directory, to, openThere)
  } catch (cause) {
    if (!["damaged", "missing"].includes(storageReason(cause))) throw cause
    return { opened: await openThere(to), giveBack: () => Promise.resolve() }
  }
}

/** Opens a copy of the views in a directory, given back with the scope. */
export const openCopy = (
  options: ViewCopyOptions,
): Effect.Effect<ViewStoreShape, ViewFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => copy(options), catch: failure("open", "none") }),
    ({ opened, giveBack }) => Effect.promise(() => opened.close().then(giveBack)),
  ).pipe(Effect.map(({ opened }) => shapeOf(opened, options.temporary)))

/**
 * Where a ledger must not be made: in another one, which would lose or spoil it.
 *
 * Knows paths, not what lies there.
 */
import { realpath } from "node:fs/promises"
import { dirname, join, sep } from "node:path"
import * as Effect from "effect/Effect"
import { InvalidInput } from "../errors.js"
import { hasCode } from "../model/cause.js"
import { attempt } from "./create.js"

/** A path with the links in it followed, as far as it is there. */
const realPathOf = async (path: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch (cause) {
    if (!hasCode(cause, "ENOENT") || dirname(path) === path) throw cause
    return join(await realPathOf(dirname(path)), path.slice(dirname(path).length))
  }
}

/** Refuses a place that is the directory of a ledger, or lies in it. */
export const checkApart = Effect.fnUntraced(function* (
  directory: string,
  place: string,
  path: string,
) {
  const [from, to] = yield* attempt(place, () =>
    Promise.all([realPathOf(directory), realPathOf(place)]),
  )
  if (to !== from && !to.startsWith(from + sep)) return
  const message = `${path} lies in ${directory}, which stays as it is: choose another place`
  return yield* new InvalidInput({ message, path })
})

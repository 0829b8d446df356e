/**
 * How an archive is refused: as `InvalidInput` that names the archive or the entry, with the name
 * made safe to show.
 *
 * Knows no reason to refuse one.
 */
import * as Effect from "effect/Effect"
import { isRefusal, type Refusal } from "../errors.js"
import { shownPathLengthMax } from "../limits.js"
import { parsing, refuse } from "../model/input.js"
import { shownBytes } from "../model/utf8.js"

/** A name in quotes: on one line, of bounded length, and nothing in it that could mislead. */
export const quoted = (name: string | Uint8Array): string =>
  `"${shownBytes(Buffer.from(name.slice(0, shownPathLengthMax)))}"`

/** An entry in messages, and as the `path` of an error. */
export const entryAt = (name: string | Uint8Array): string => `entry ${quoted(name)}`

export const refuseArchive = (problem: string): never => refuse("source", problem)

export const refuseEntry = (name: string | Uint8Array, problem: string): never =>
  refuse(entryAt(name), problem)

/** Runs plain functions of this room; a refusal that one of them throws fails the effect. */
export const checked = <A>(run: () => A): Effect.Effect<A, Refusal> =>
  Effect.suspend(() => {
    const found = parsing(run)
    return isRefusal(found) ? Effect.fail(found) : Effect.succeed(found)
  })

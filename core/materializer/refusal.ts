/**
 * The error for a value that no materializer takes: it names the first part that none of the
 * built-in ones gives back.
 */
import type { InvalidInput, LimitExceeded } from "../errors.js"
import { flaw, refusal } from "./flaw.js"
import { findFlaw } from "./walk.js"

/** What the caller can do about a part that no built-in materializer gives back. */
export const advice =
  "give it to a materializer of your own (see Materializer) or save a plain form of it"

/** For a value that nothing accepts. The walk is bounded, whatever the value. */
export const refusalOf = (value: unknown): InvalidInput | LimitExceeded =>
  refusal(findFlaw(value, "structured") ?? flaw("is taken by no materializer here"), advice)

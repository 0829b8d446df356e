/**
 * Why no materializer takes a value: its first part that none of the built-in forms gives back.
 */
import type { InvalidInput, LimitExceeded } from "../errors.js"
import { flaw, refusal } from "./flaw.js"
import { findFlaw } from "./walk.js"

/** What the caller may do about a part that no built-in form gives back. */
export const advice =
  "give it to a materializer of your own (see Materializer) or save a plain form of it"

/** For a value that nothing accepts. The walk is bounded, whatever the value. */
export const refusalOf = (value: unknown): InvalidInput | LimitExceeded =>
  refusal(findFlaw(value, "structured") ?? flaw("is taken by no materializer here"), advice)

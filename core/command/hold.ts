/**
 * Holds a version: neither a deletion, forced or not, nor a prune nor a sweep touches it until it
 * is released. Idempotent: the first hold stays, with its actor and its reason.
 */
import { command } from "./command.js"
import { decideHold, type HoldInput, parseHold } from "./holding.js"

export const hold = command<HoldInput>({
  name: "hold",
  parse: parseHold,
  decide: (input, views) => decideHold(input, views, "hold-placed"),
})

/**
 * Releases a version that is held, so that it can be deleted again. Idempotent: one that is not
 * held is left alone.
 */
import { command } from "./command.js"
import { decideHold, type HoldInput, parseHold } from "./holding.js"

export const release = command<HoldInput>({
  name: "release",
  parse: parseHold,
  decide: (input, views) => decideHold(input, views, "hold-released"),
})

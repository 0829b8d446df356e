/**
 * Records that a request with an idempotency key was answered without changing anything, so that
 * its retry gets the same answer whatever happens in between.
 */
import { fact } from "../event/catalog.js"
import type { Plain } from "../model/msgpack.js"
import { command } from "./command.js"

export interface SettleRequestInput {
  readonly command: string
  readonly result: Plain
}

export const settleRequest = command<SettleRequestInput>({
  name: "settle-request",
  // Only the writer asks for it.
  parse: (input) => input as SettleRequestInput,
  decide: (input) => ({ facts: [fact("request-settled", input, [])], result: input.result }),
})

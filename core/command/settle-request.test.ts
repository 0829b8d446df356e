/**
 * Settling a request that changed nothing: one fact, about nothing, with the result.
 */
import { describe, expect, it } from "vitest"
import { commandContract, Given } from "./command.contract.js"
import { settleRequest } from "./settle-request.js"

commandContract(
  settleRequest,
  () => [
    [new Given(), { command: "tag", result: null }],
    [new Given(), { command: "count-things", result: { count: 3, names: ["a"] } }],
  ],
  { trusting: true },
)

describe("settling a request", () => {
  it("records what was asked and what was answered", () => {
    const input = { command: "tag", result: [1, "two"] }
    expect(new Given().when(settleRequest, input)).toEqual({
      facts: [{ type: "request-settled", data: input, subjects: [] }],
      result: [1, "two"],
    })
  })
})

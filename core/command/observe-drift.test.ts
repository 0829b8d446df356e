/**
 * Recording drift: given these events, when a version was looked at where it lies, then this fact
 * or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import type { Id } from "../model/names.js"
import { byId } from "../model/reference.js"
import { commandContract, given } from "./command.contract.js"
import { observeDrift } from "./observe-drift.js"

const story = (ledger: Recorder) => {
  const linked = ledger.save("runs", { link: { root: "runs", path: "one" } })
  return { linked, stored: ledger.save("stored") }
}

const ledger = () => given((recorder) => void story(recorder))
const { linked, stored } = story(new Recorder())

const found = {
  same: 3,
  changed: 1,
  missing: 0,
  extra: 1,
  entries: [
    { path: "a", change: "content" as const },
    { path: "b", change: "extra" as const },
  ],
}

const of = (id: Id) => ({
  target: { kind: "version" as const, reference: byId(id) },
  ...found,
})

commandContract(
  observeDrift,
  () => [
    [ledger(), of(linked.version.id)],
    [ledger(), of(stored.version.id)],
  ],
  { trusting: true },
)

describe("recording drift", () => {
  it("is a fact about the version and its artifact", () => {
    expect(ledger().when(observeDrift, of(linked.version.id))).toEqual({
      facts: [
        {
          type: "drift-observed",
          data: { target: linked, ...found },
          subjects: [linked.version.id, linked.artifact.id],
        },
      ],
      result: null,
    })
  })

  it("is refused for what lies in the ledger, and for what is not there", () => {
    expect(ledger().when(observeDrift, of(stored.version.id))).toMatchObject({
      _tag: "InvalidReference",
    })
    expect(ledger().when(observeDrift, of("01HQ7Z5PCB7Q9A2X4Z6C8E0G1J" as Id))).toMatchObject({
      kind: "missing",
    })
  })
})

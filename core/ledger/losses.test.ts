/**
 * What was lost, as events that each fit a record.
 */
import { describe, expect, it } from "vitest"
import { catalog, fact } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Recovery } from "../event/loss.js"
import { Recorder, testId } from "../event/recorder.contract.js"
import { recordBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { recoveries } from "./losses.js"

const none = { lost: [], leftOut: [], altered: [], contentLost: [] }
const about = { source: testId(1), recoveredAt: 7 }

const bytesOf = (data: Recovery): number =>
  makeCodec(catalog).encode(new Recorder().record(fact("ledger-recovered", data, []))).length

describe("the events about what was lost", () => {
  it("are one, also where nothing was", () => {
    expect(recoveries({ ...about, ...none })).toEqual([{ ...about, ...none }])
    const little: Recovery = { ...about, ...none, lost: [{ from: 3, to: 4 }] }
    expect(recoveries(little)).toEqual([little])
  })

  it("are as many as it takes, each a record, and say all in its order", () => {
    const note = (position: number) => ({ position, type: "tags-added", text: "é".repeat(300) })
    const content = (n: number) => ({
      digest: digestOf(Uint8Array.of(n)),
      artifact: "a".repeat(255),
      version: "v".repeat(255),
    })
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    const recovery: Recovery = {
      ...about,
      lost: numbers.map((n) => ({ from: 2 * n, to: 2 * n })),
      leftOut: numbers.map(note),
      altered: numbers.map(note),
      contentLost: numbers.map(content),
    }
    const parts = recoveries(recovery)
    expect(parts.length).toBeGreaterThan(5)
    for (const part of parts) expect(bytesOf(part)).toBeLessThanOrEqual(recordBytesMax)
    for (const name of ["lost", "leftOut", "altered", "contentLost"] as const)
      expect(parts.flatMap((part) => part[name] as ReadonlyArray<unknown>)).toEqual(recovery[name])
  })
})

/**
 * Holds: which versions of an artifact are held, as of then.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { candidateCountMax } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { holds } from "./holds.js"
import { momentsOf } from "./moment.contract.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const open = (recorder: Recorder) =>
  Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

describe("the held versions of an artifact", () => {
  it("are those of it alone, in the order of their saves, as of then", async () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn")]
    const other = recorder.save("feed")
    recorder.hold(two)
    recorder.hold(one)
    recorder.hold(other)
    recorder.release(two)
    const { at } = await open(recorder)
    const ids = async (position: number) => Effect.runPromise(holds(at(position), one.artifact.id))
    expect(await ids(3)).toEqual([])
    expect(await ids(4)).toEqual([two.version.id])
    expect(await ids(6)).toEqual([one.version.id, two.version.id])
    expect(await ids(7)).toEqual([one.version.id])
    expect(await Effect.runPromise(holds(at(7), other.artifact.id))).toEqual([other.version.id])
  })

  it("are told up to the limit, also behind many that were released since", async () => {
    const recorder = new Recorder()
    const targets = Array.from({ length: 40 }, () => recorder.save("churn"))
    for (const target of targets) recorder.hold(target)
    for (const target of targets.slice(0, 25)) recorder.release(target)
    const { at } = await open(recorder)
    const ids = targets.map(({ version }) => version.id)
    const id = targets[0]?.artifact.id ?? ""
    const now = await Effect.runPromise(holds(at(), id))
    expect(now).toEqual(ids.slice(25, 25 + candidateCountMax))
    const then = await Effect.runPromise(holds(at(80), id))
    expect(then).toEqual(ids.slice(0, candidateCountMax))
  })
})

/**
 * Consumers: the surviving versions that were made from something.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import type { TargetRef, VersionTarget } from "../event/subject.js"
import { candidateCountMax, pageSizeMax } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { findArtifact, findById } from "../projection/resolve.js"
import { layer as viewLayer } from "../view/memory.js"
import { consumers } from "./consumers.js"
import { momentsOf } from "./moment.contract.js"
import type { Moment } from "./query.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const recorder = new Recorder()
const [feed1, feed2, unused] = [1, 2, 3].map(() => recorder.save("feed")) as [
  VersionTarget,
  VersionTarget,
  VersionTarget,
]
const cleaned = recorder.save("feed", { inputs: [feed1] })
const churn1 = recorder.save("churn", { inputs: [feed1, feed2] })
const churn2 = recorder.save("churn", { inputs: [feed2] })
const report = recorder.save("report", { inputs: [feed1, churn1] })
const here = recorder.position - 1
recorder.delete(churn2)
recorder.delete("report")
const later = recorder.position - 1
recorder.restore(churn2)
recorder.restore("report")
recorder.delete(feed2)

const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

const of = (target: TargetRef, position = here) => {
  const moment = at(position)
  const found = findById(moment.views, target.version?.id ?? "")
  const artifact = found?.artifact ?? findArtifact(moment.views, target.artifact.name)
  if (artifact === undefined) throw new Error("the target does not exist then")
  const resolved = found === undefined ? { artifact } : { artifact, version: found.version }
  return Effect.runPromise(consumers({ moment, target: resolved }))
}

const idsOf = (...targets: ReadonlyArray<VersionTarget>) => targets.map(({ version }) => version.id)

describe("the consumers of a version", () => {
  it("are those saved from it, in the order of their saves, of its own artifact too", async () => {
    expect(await of(feed1)).toEqual(idsOf(cleaned, churn1, report))
    expect(await of(churn1)).toEqual(idsOf(report))
    expect(await of(unused)).toEqual([])
  })

  it("are those that survive, as of then", async () => {
    expect(await of(feed1, later)).toEqual(idsOf(cleaned, churn1))
    expect(await of(feed2, later)).toEqual(idsOf(churn1))
    expect(await of(feed2, recorder.position - 1)).toEqual(idsOf(churn1, churn2))
    expect(await of(feed1, 5)).toEqual(idsOf(cleaned, churn1))
  })
})

describe("the consumers of an artifact", () => {
  const { artifact } = feed1

  it("are those of its surviving versions, its own left out, each once", async () => {
    expect(await of({ artifact })).toEqual(idsOf(churn1, report, churn2))
    expect(await of({ artifact }, recorder.position - 1)).toEqual(idsOf(churn1, report))
    expect(await of({ artifact: churn1.artifact })).toEqual(idsOf(report))
    expect(await of({ artifact: report.artifact })).toEqual([])
  })
})

describe("an artifact of many versions", () => {
  it("costs a scan only for those that something was made from", async () => {
    const many = new Recorder()
    const targets = Array.from({ length: 40 }, () => many.save("feed"))
    const used = [targets[3], targets[30]].flatMap((target) => target ?? [])
    const users = used.map((input) => many.save("churn", { inputs: [input] }))
    const moments = await Effect.runPromise(Effect.provide(momentsOf(many.events), stores))
    const moment = moments.at()
    let scans = 0
    const view: Moment["views"]["view"] = (of) => {
      const rows = moment.views.view(of)
      const list: typeof rows.list = (query) => {
        scans += 1
        return rows.list(query)
      }
      return { ...rows, list }
    }
    const artifact = findArtifact(moment.views, "feed")
    if (artifact === undefined) throw new Error("the artifact exists")
    const counted = { ...moment, views: { ...moment.views, view } }
    const found = await Effect.runPromise(consumers({ moment: counted, target: { artifact } }))
    expect(found).toEqual(idsOf(...users))
    expect(scans).toBe(1 + used.length)
  })
})

describe("many consumers", () => {
  it("are told up to the limit, also after many that are deleted", async () => {
    const crowd = new Recorder()
    const input = crowd.save("feed")
    for (let nth = 0; nth <= pageSizeMax; nth += 1) crowd.save("churn", { inputs: [input] })
    crowd.delete("churn")
    const users = Array.from({ length: 12 }, () => crowd.save("report", { inputs: [input] }))
    const moments = await Effect.runPromise(Effect.provide(momentsOf(crowd.events), stores))
    const moment = moments.at()
    const found = findById(moment.views, input.version.id)
    if (found === undefined) throw new Error("the input exists")
    const some = idsOf(...users.slice(0, candidateCountMax))
    expect(await Effect.runPromise(consumers({ moment, target: found }))).toEqual(some)
    const target = { artifact: found.artifact }
    expect(await Effect.runPromise(consumers({ moment, target }))).toEqual(some)
  })
})

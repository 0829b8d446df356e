/**
 * Plans: given these events, what a policy would let go, in which order, and what keeps the rest.
 * Compared with a naive way to find the same for random ledgers.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import type { VersionTarget } from "../event/subject.js"
import { planArtifactCountMax } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { momentsOf } from "./moment.contract.js"
import { planPrune } from "./prune.js"
import { type PrunePolicy, parsePolicy } from "./pruning.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const open = (recorder: Recorder) =>
  Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))

const rules = (policy: PrunePolicy) => parsePolicy(policy, "policy")

const planOf = async (recorder: Recorder, policy: PrunePolicy, position?: number) => {
  const { at } = await open(recorder)
  return Effect.runPromise(planPrune(at(position), rules(policy)))
}

/** What goes, as `churn@2`, in the order of the plan. */
const gone = async (recorder: Recorder, policy: PrunePolicy, position?: number) =>
  (await planOf(recorder, policy, position)).versions.map(
    ({ name, version }) => `${name}@${version}`,
  )

/** Five of churn, of which the first is tagged and the third is deleted, and two of feed. */
const story = () => {
  const recorder = new Recorder()
  const [one, two, three] = [1, 2, 3].map(() => recorder.save("churn")) as [
    VersionTarget,
    VersionTarget,
    VersionTarget,
  ]
  recorder.tag(one, "raw")
  const feed = recorder.save("feed", { content: "12345" })
  recorder.delete(three)
  recorder.save("churn")
  recorder.save("feed")
  recorder.save("churn")
  return { recorder, one, two, three, feed }
}

describe("a plan", () => {
  it("names what goes, newest first, with its size and why, and counts the rest", async () => {
    const { recorder, feed } = story()
    const plan = await planOf(recorder, { keepLast: 1, keepTagged: true })
    expect(plan).toEqual({
      position: 9,
      versions: [
        expect.objectContaining({ name: "churn", version: "4", size: 7 }),
        {
          id: feed.version.id,
          name: "feed",
          version: "1",
          size: 5,
          why: "not latest, not tagged, not used",
        },
        expect.objectContaining({ name: "churn", version: "2", size: 7 }),
      ],
      count: 3,
      bytes: 19,
      kept: { held: 0, last: 2, tagged: 1, used: 0 },
    })
  })

  it.each<[PrunePolicy, ReadonlyArray<string>]>([
    [{ keepLast: 1 }, ["churn@4", "feed@1", "churn@2", "churn@1"]],
    [{ keepLast: 2 }, ["churn@2", "churn@1"]],
    [{ keepLast: 4 }, []],
    [{ keepLast: 9 }, []],
    [{ where: { name: "feed" } }, ["feed@1"]],
    [{ where: { name: "feed" }, keepLast: 0 }, ["feed@2", "feed@1"]],
    [{ where: { name: { startsWith: "c" }, version: { ne: "4" } } }, ["churn@2", "churn@1"]],
    [{ where: { name: "none" }, keepLast: 0 }, []],
    [{ where: { tags: "raw" } }, ["churn@1"]],
    [{ keepTagged: ["raw"] }, ["churn@4", "feed@1", "churn@2"]],
    [
      { keepTagged: true, keepLast: 0, where: { name: "churn" } },
      ["churn@5", "churn@4", "churn@2"],
    ],
    [{ olderThan: new Date(timeAt(3)) }, ["churn@2", "churn@1"]],
    [{ olderThan: new Date(timeAt(2)) }, ["churn@1"]],
    [{ olderThan: new Date(timeAt(1)) }, []],
    // The last ones are those of the artifact, not of what the policy is about.
    [{ where: { version: "2" }, keepLast: 2 }, ["churn@2"]],
    [{ where: { version: "4" }, keepLast: 2 }, []],
  ])("by %j is %j", async (policy, versions) => {
    expect(await gone(story().recorder, policy)).toEqual(versions)
  })

  it("is of its moment", async () => {
    const { recorder } = story()
    expect(await gone(recorder, { keepLast: 1 }, 3)).toEqual(["churn@2", "churn@1"])
    expect(await gone(recorder, { keepLast: 1 }, 6)).toEqual(["churn@1"])
    expect(await gone(recorder, { keepLast: 1 }, 0)).toEqual([])
  })

  it("knows neither what is deleted nor the versions of a deleted artifact", async () => {
    const { recorder, one, three } = story()
    recorder.delete("feed")
    expect(await gone(recorder, { keepLast: 1 })).toEqual(["churn@4", "churn@2", "churn@1"])
    recorder.restore("feed")
    recorder.restore(three)
    recorder.delete(one)
    expect(await gone(recorder, { keepLast: 0, where: { name: "churn" } })).toEqual([
      "churn@5",
      "churn@4",
      "churn@3",
      "churn@2",
    ])
  })

  it("finds the last ones behind many that are deleted", async () => {
    const recorder = new Recorder()
    const targets = Array.from({ length: 700 }, () => recorder.save("churn"))
    for (const [index, target] of targets.entries())
      if (index % 300 !== 0 && index !== 5) recorder.delete(target)
    expect(await gone(recorder, { keepLast: 1 })).toEqual(["churn@301", "churn@6", "churn@1"])
    expect(await gone(recorder, { keepLast: 2 })).toEqual(["churn@6", "churn@1"])
    expect(await gone(recorder, { keepLast: 3 })).toEqual(["churn@1"])
  })

  it("is refused where it would name too many, and not where it names as many", async () => {
    const { at } = await open(story().recorder)
    const of = (countMax: number) => planPrune(at(), rules({ keepLast: 1 }), countMax)
    expect(await Effect.runPromise(of(4))).toMatchObject({ count: 4 })
    expect(await Effect.runPromise(Effect.flip(of(3)))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "planVersionCountMax",
      allowed: 3,
      actual: 4,
    })
  })

  it("is refused for a tag that does not exist", async () => {
    const { at } = await open(story().recorder)
    for (const policy of [{ keepTagged: ["never"] }, { where: { tags: "never" } }])
      expect(await Effect.runPromise(Effect.flip(planPrune(at(), rules(policy))))).toMatchObject({
        _tag: "TagMissing",
        tag: "never",
      })
  })

  it("remembers only so many artifacts, and looks the others up again", async () => {
    const recorder = new Recorder()
    for (let round = 0; round < 2; round += 1)
      for (let nth = 0; nth <= planArtifactCountMax; nth += 1) recorder.save(`a${nth}`)
    const { count, kept } = await planOf(recorder, { keepLast: 1 })
    const artifacts = planArtifactCountMax + 1
    expect([count, kept.last]).toEqual([artifacts, artifacts])
  })
})

describe("what is held", () => {
  it("stays, whatever else is said of it, and is counted as that", async () => {
    const { recorder, one, feed } = story()
    recorder.hold(one)
    recorder.hold(feed)
    const plan = await planOf(recorder, { keepLast: 0, where: { held: true } })
    expect(plan).toMatchObject({ count: 0, kept: { held: 2, last: 0, tagged: 0, used: 0 } })
    recorder.release(feed)
    expect(await gone(recorder, { keepTagged: true })).toEqual(["churn@4", "feed@1", "churn@2"])
  })
})

describe("what is used", () => {
  /** raw 1 and 2, table 1 of raw 1, model 1 and 2 of table 1; the last of each stays. */
  const lineage = () => {
    const recorder = new Recorder()
    const raw = recorder.save("raw")
    recorder.save("raw")
    const table = recorder.save("table", { inputs: [raw] })
    const first = recorder.save("model", { inputs: [table] })
    return { recorder, raw, table, first }
  }

  it("stays with what was made from it, however far away", async () => {
    const { recorder, table } = lineage()
    recorder.save("table")
    // The last model stays, so its table does, and the raw data of that.
    expect(await planOf(recorder, { keepLast: 1 })).toMatchObject({
      count: 0,
      kept: { last: 3, used: 2 },
    })
    recorder.save("model", { inputs: [table] })
    expect(await gone(recorder, { keepLast: 1 })).toEqual(["model@1"])
  })

  it("goes with what was made from it, after it", async () => {
    const { recorder } = lineage()
    recorder.save("table")
    recorder.save("model")
    const plan = await planOf(recorder, { keepLast: 1 })
    expect(plan.versions.map(({ name, version, why }) => [`${name}@${version}`, why])).toEqual([
      ["model@1", "not latest, not used"],
      ["table@1", "not latest, used only by versions that go too"],
      ["raw@1", "not latest, used only by versions that go too"],
    ])
    const unused = await planOf(recorder, { keepLast: 1, unusedOnly: true })
    expect(unused).toMatchObject({ count: 1, kept: { last: 3, used: 2 } })
  })

  it("is not used by what is deleted, alone or with its artifact", async () => {
    const { recorder, table, first } = lineage()
    recorder.save("table")
    recorder.delete(first)
    expect(await gone(recorder, { keepLast: 1, unusedOnly: true })).toEqual(["table@1"])
    expect(await gone(recorder, { keepLast: 1 })).toEqual(["table@1", "raw@1"])
    recorder.restore(first, [{ id: table.version.id, artifactId: table.artifact.id }])
    expect(await gone(recorder, { keepLast: 1 })).toEqual([])
    recorder.delete("model")
    expect(await gone(recorder, { keepLast: 1 })).toEqual(["table@1", "raw@1"])
  })

  it("stays where what was made from it is held, or is not what the policy is about", async () => {
    const { recorder, first } = lineage()
    recorder.save("table")
    recorder.save("model")
    recorder.hold(first)
    expect(await gone(recorder, { keepLast: 1 })).toEqual([])
    recorder.release(first)
    expect(await gone(recorder, { where: { name: { in: ["raw", "table"] } } })).toEqual([])
  })
})

interface Known {
  readonly target: VersionTarget
  readonly inputs: ReadonlyArray<Known>
  readonly at: number
  tags: ReadonlyArray<string>
  deleted: boolean
  held: boolean
}

/** By the words of the policy, over plain lists, until nothing changes any more. */
const naive = (all: ReadonlyArray<Known>, { keepLast = 1, ...policy }: PrunePolicy) => {
  const alive = all.filter(({ deleted }) => !deleted)
  const owned = (known: Known) =>
    alive.filter(({ target }) => target.artifact.name === known.target.artifact.name)
  let going = alive.filter((known) => {
    const { at, held, tags } = known
    const isLast = owned(known)
      .slice(Math.max(0, owned(known).length - keepLast))
      .includes(known)
    const kept = policy.keepTagged === true ? tags.length > 0 : tags.includes("gold")
    const isOld = policy.olderThan === undefined || timeAt(at) < policy.olderThan.getTime()
    return isOld && !held && !(keepLast > 0 && isLast) && !(policy.keepTagged && kept)
  })
  for (let before = -1; before !== going.length; ) {
    before = going.length
    const users = (known: Known) => alive.filter(({ inputs }) => inputs.includes(known))
    going = going.filter((known) =>
      users(known).every((user) => policy.unusedOnly !== true && going.includes(user)),
    )
  }
  return going.toReversed().map(({ target }) => target.version.id)
}

describe("a random ledger", () => {
  const policy: fc.Arbitrary<PrunePolicy> = fc.record(
    {
      keepLast: fc.nat({ max: 3 }),
      keepTagged: fc.constantFrom<PrunePolicy["keepTagged"] & {}>(true, ["gold"]),
      olderThan: fc.nat({ max: 40 }).map((at) => new Date(timeAt(at))),
      unusedOnly: fc.constant(true),
    },
    { requiredKeys: ["olderThan"], noNullPrototype: true },
  )

  it("is planned as a naive walk to a fixed point says", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(0xffff), { minLength: 5, maxLength: 40, size: "max" }),
        policy,
        async (numbers, asked) => {
          const recorder = new Recorder()
          recorder.defineTag("gold")
          const all: Array<Known> = []
          for (const number of numbers) {
            const [kind, of] = [number % 8, all[(number >> 3) % Math.max(1, all.length)]]
            if (kind < 5 || of === undefined) {
              const alive = all.filter(({ deleted }) => !deleted)
              const input = alive[(number >> 5) % Math.max(1, alive.length)]
              const inputs = kind % 2 === 0 && input !== undefined ? [input] : []
              const at = recorder.position
              const targets = inputs.map(({ target }) => target)
              const target = recorder.save(`a${number % 3}`, { inputs: targets })
              all.push({ target, inputs, at, tags: [], deleted: false, held: false })
            } else if (kind === 5 && !of.deleted) {
              recorder.tag(of.target, number & 256 ? "gold" : "other")
              of.tags = [...of.tags, number & 256 ? "gold" : "other"]
            } else if (kind === 6 && !of.held && !of.deleted) {
              recorder.delete(of.target)
              of.deleted = true
            } else if (kind === 7 && !of.deleted && !of.held) {
              recorder.hold(of.target)
              of.held = true
            }
          }
          const { versions, count } = await planOf(recorder, asked)
          expect(versions.map(({ id }) => id)).toEqual(naive(all, asked))
          expect(count).toBe(versions.length)
        },
      ),
      { numRuns: 200 },
    ))
})

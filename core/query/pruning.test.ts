/**
 * The rules of pruning: which policies are understood, what they keep, and how they say why.
 */
import { describe, expect, it } from "vitest"
import { parsing } from "../model/input.js"
import { isOld, keptBy, type PrunePolicy, parsePolicy, printWhy, type Rules } from "./pruning.js"

const parse = (policy: unknown) => parsing(() => parsePolicy(policy, "policy"))

const rulesOf = (policy: PrunePolicy): Rules => parsePolicy(policy, "policy")

const olderThan = new Date("2026-11-01T00:00:00Z")

const bare = {
  where: {},
  keepLast: 1,
  keepTagged: [],
  olderThan: undefined,
  unusedOnly: false,
}

describe("a policy", () => {
  it.each<[PrunePolicy, Partial<Rules>]>([
    [{ keepLast: 3 }, { keepLast: 3 }],
    [{ keepLast: 1 }, {}],
    [{ where: { name: "churn" } }, { where: { name: "churn" } }],
    [
      { where: { held: false }, keepLast: 0 },
      { where: { held: false }, keepLast: 0 },
    ],
    [{ keepTagged: true }, { keepTagged: true }],
    [
      { keepTagged: ["raw", "gold"], keepLast: 0 },
      { keepTagged: ["raw", "gold"], keepLast: 0 },
    ],
    [{ olderThan }, { olderThan }],
    [{ olderThan, keepTagged: false }, { olderThan }],
    [
      { unusedOnly: true, keepLast: 0 },
      { unusedOnly: true, keepLast: 0 },
    ],
  ])("%j keeps the last version of each artifact unless it says otherwise", (policy, rules) => {
    expect(parse(policy)).toEqual({ ...bare, ...rules })
  })

  it.each<[unknown, string]>([
    [{}, "policy"],
    [{ keepTagged: false, unusedOnly: false }, "policy"],
    [{ keepLast: 0 }, "policy.keepLast"],
    [{ keepLast: 0, keepTagged: false, unusedOnly: false }, "policy.keepLast"],
    [{ keepLast: -1 }, "policy.keepLast"],
    [{ keepLast: 1.5 }, "policy.keepLast"],
    [{ keepLast: "3" }, "policy.keepLast"],
    [{ keepTagged: [] }, "policy.keepTagged"],
    [{ keepTagged: "raw" }, "policy.keepTagged"],
    [{ keepTagged: [5] }, "policy.keepTagged[0]"],
    [{ olderThan: "2026-11-01" }, "policy.olderThan"],
    [{ olderThan: new Date(Number.NaN) }, "policy.olderThan"],
    [{ unusedOnly: "yes" }, "policy.unusedOnly"],
    [{ where: {} }, "policy.where"],
    [{ where: { nmae: "churn" } }, "policy.where.nmae"],
    [{ where: { name: {} } }, "policy.where.name"],
    [{ keepLast: 3, keepLsat: 4 }, "policy.keepLsat"],
    [{ keepLast: 3, signal: {} }, "policy.signal"],
    [null, "policy"],
    ["everything", "policy"],
  ])("%j is refused at the part that is wrong", (policy, path) => {
    expect(parse(policy)).toMatchObject({ _tag: "InvalidInput", path })
  })

  it("without a rule is told which there are, and one that keeps nothing what to say", () => {
    expect(parse({})).toMatchObject({
      message: "policy names no rule: say where, keepLast, keepTagged, olderThan or unusedOnly",
    })
    expect(parse({ keepLast: 0 })).toMatchObject({
      message: expect.stringContaining("everything would go"),
    })
  })
})

describe("a version", () => {
  const held = { position: 7, time: 0 }

  it.each([
    [{ held }, true, true, "held"],
    [{ held }, false, false, "held"],
    [{}, true, true, "last"],
    [{}, false, true, "tagged"],
    [{}, false, false, undefined],
  ])("%j, last %j, tagged %j is kept as %s", (row, isLast, isTagged, by) => {
    expect(keptBy(row, isLast, isTagged)).toBe(by)
  })

  it("is old where it was saved before the date, not at it", () => {
    const at = olderThan.getTime()
    const ages = [at - 1, at, at + 1].map((createdAt) =>
      isOld(rulesOf({ olderThan }), { createdAt }),
    )
    expect(ages).toEqual([true, false, false])
    expect(isOld(rulesOf({ keepLast: 2 }), { createdAt: at + 1 })).toBe(true)
  })
})

describe("why versions go", () => {
  it.each<[PrunePolicy, boolean, string]>([
    [{ keepLast: 1 }, false, "not latest, not used"],
    [{ keepLast: 3 }, true, "not among the last 3, used only by versions that go too"],
    [{ keepLast: 0, unusedOnly: true }, false, "not used"],
    [{ keepTagged: true, keepLast: 0 }, false, "not tagged, not used"],
    [{ keepTagged: ["raw", "gold"] }, false, "not latest, not raw or gold, not used"],
    [{ olderThan }, false, "saved before 2026-11-01T00:00:00.000Z, not latest, not used"],
  ])("by %j, used %j, is said: %s", (policy, isUsed, why) => {
    expect(printWhy(rulesOf(policy), isUsed)).toBe(why)
  })
})

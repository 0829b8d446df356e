/**
 * What `prune` takes: policies and plans, and which of them are refused, with nothing deleted.
 */
import { beforeEach, describe, expect, it } from "vitest"
import { planVersionCountMax } from "../limits.js"
import { parsing } from "../model/input.js"
import { opened } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"
import { type PrunePlan, parsePrune, totalsOf } from "./prune-call.js"
import { hostile, type Loose, offences, type Refused, throwing } from "./refused.contract.js"

let ledger: PromiseLedger
let plan: PrunePlan

beforeEach(async () => {
  ledger = await opened()
  for (const value of [1, 2, 3]) await ledger.save("a", value)
  plan = await ledger.prune({ keepLast: 1, dryRun: true })
})

const prune =
  (...args: ReadonlyArray<unknown>) =>
  () =>
    (ledger as unknown as Loose).prune?.(...args)

const check = async (calls: Readonly<Record<string, Refused>>) =>
  expect(await offences(calls, ledger)).toEqual([])

describe("a policy", () => {
  it("that is none, or wrong, is refused at the part that is wrong", async () => {
    await check({
      nothing: ["policy", prune()],
      null: ["policy", prune(null)],
      "a text": ["policy", prune("everything")],
      "a list": ["policy", prune([])],
      "without a rule": ["policy", prune({})],
      "with options alone": ["policy", prune({ dryRun: true, reason: "room" })],
      "that keeps nothing": ["policy.keepLast", prune({ keepLast: 0 })],
      "a hostile proxy": ["policy", prune(hostile())],
      "a throwing getter": ["policy", prune(throwing("keepLast"))],
      "an unknown rule": ["policy.keepLsat", prune({ keepLast: 1, keepLsat: 2 })],
      "an unknown condition": ["policy.where.nam", prune({ where: { nam: "a" } })],
      "a dry run that is none": ["policy.dryRun", prune({ keepLast: 1, dryRun: "yes" })],
      "a reason that is no text": ["policy.reason", prune({ keepLast: 1, reason: 5 })],
      "a long reason": ["policy.reason", prune({ keepLast: 1, reason: "r".repeat(1_025) })],
      "an empty reason": ["context.reason", prune({ keepLast: 1, reason: "" })],
      "a signal that is none": ["policy.signal", prune({ keepLast: 1, signal: {} })],
      "a key": ["policy.idempotencyKey", prune({ keepLast: 1, idempotencyKey: "k" })],
      "options beside it": ["options", prune({ keepLast: 1 }, { reason: "room" })],
    })
  })

  it("has its options beside its rules", () => {
    const call = parsePrune({ keepLast: 2, dryRun: true, reason: "room" })
    expect(call).toMatchObject({ rules: { keepLast: 2 }, dryRun: true, reason: "room" })
    expect(parsePrune({ keepLast: 2 })).not.toHaveProperty("reason")
  })
})

describe("a plan", () => {
  const changed = (change: object) => prune({ ...plan, ...change })

  it("that is not what a dry run gave is refused, and nothing of it is deleted", async () => {
    const [first] = plan.versions
    const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    const with_ = (one: object) => ({ versions: [first, { ...first, ...one }] })
    await check({
      "of no versions": ["plan.versions", changed({ versions: "all" })],
      "of something else": ["plan.versions[1].id", changed(with_({ id: "a@1" }))],
      "of another ledger": ["plan.versions[1].id", changed(with_({ id }))],
      "of an artifact": ["plan.versions[1].id", changed(with_({ id: ledger.trust.ledger }))],
      "without sizes": ["plan.versions[1].size", changed(with_({ size: "1" }))],
      "of a moment to come": ["plan.position", changed({ position: 99 })],
      "of no moment": ["plan.position", changed({ position: -1 })],
      "of a moment before": ["plan.versions[0].id", changed({ position: 1 })],
      "with more in it": ["plan.force", changed({ force: true })],
      "that is to be tried": ["plan.dryRun", changed({ dryRun: true })],
      "with an unknown option": ["options.force", prune(plan, { force: true })],
      "with a reason that is no text": ["options.reason", prune(plan, { reason: 5 })],
      "with a signal that is none": ["options.signal", prune(plan, { signal: {} })],
      "with options that are none": ["options", prune(plan, 5)],
    })
    expect((await ledger.prune(plan)).count).toBe(2)
  })

  it("of more versions than a plan can name is refused before they are read", () => {
    const versions = { ...plan, versions: Array(planVersionCountMax + 1) }
    expect(parsing(() => parsePrune(versions))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "planVersionCountMax",
    })
    const fewer = { ...plan, versions: Array(planVersionCountMax) }
    expect(parsing(() => parsePrune(fewer))).toMatchObject({ path: "plan.versions[0]" })
  })

  it("is counted anew: sizes and names are those of the ledger", async () => {
    const lying = plan.versions.map((one) => ({ ...one, size: 1_000, name: "b", version: "9" }))
    const done = await ledger.prune({ ...plan, versions: lying, count: 7, bytes: 7 })
    expect(done).toMatchObject({ versions: plan.versions, count: 2, bytes: 2 })
    expect(totalsOf([])).toEqual({ versions: [], count: 0, bytes: 0 })
  })
})

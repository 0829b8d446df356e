/**
 * What pruning must do in every ledger, wherever it keeps its bytes: the plan is what happens, what
 * changed meanwhile stays, and everything can be brought back.
 *
 * Knows the operations, not which versions a policy keeps.
 */
import { describe, expect, it, onTestFinished } from "vitest"
import type { CoreRecorded } from "../event/catalog.js"
import type { PromiseLedger } from "./promise.js"
import type { PrunePlan } from "./prune-call.js"

type Law = (title: string, check: (ledger: PromiseLedger) => Promise<void>) => void

const eventsAfter = async (ledger: PromiseLedger, after: number) => {
  const events: Array<CoreRecorded> = []
  for await (const event of ledger.replay({ after })) events.push(event as CoreRecorded)
  return events
}

const named = (versions: PrunePlan["versions"]) =>
  versions.map(({ name, version }) => `${name}@${version}`)

const skippedBy = ({ skipped }: PrunePlan) =>
  Object.fromEntries(skipped.map(({ name, version, why }) => [`${name}@${version}`, why]))

const surviving = async (ledger: PromiseLedger) => {
  const all: Array<string> = []
  for await (const { name, version } of ledger.versions({ sort: { by: "name" } }))
    all.push(`${name}@${version}`)
  return all
}

/** Three of raw, table 1 made of raw 1, model 1 made of table 1, and later ones of both. */
const story = async (ledger: PromiseLedger): Promise<void> => {
  for (const value of ["1", "22", "333"]) await ledger.save("raw", value)
  await ledger.save("table", "4444", { inputs: ["raw@1"] })
  await ledger.save("model", "55555", { inputs: ["table@1"] })
  await ledger.save("table", "6")
  await ledger.save("model", "7")
}

const goes = ["model@1", "table@1", "raw@2", "raw@1"]

const planLaws = (law: Law): void => {
  law("a plan is shown, changes nothing, and is what happens", async (own) => {
    await story(own)
    const before = own.position
    const plan = await own.prune({ keepLast: 1, dryRun: true, reason: "room" })
    expect(named(plan.versions)).toEqual(goes)
    expect(plan).toMatchObject({
      position: before,
      count: 4,
      bytes: 12,
      kept: { held: 0, last: 3, tagged: 0, used: 0 },
      skipped: [],
      done: false,
    })
    expect(own.position).toBe(before)
    const done = await own.with({ actor: "ann" }).prune({ keepLast: 1, reason: "room" })
    expect(done).toEqual({ ...plan, done: true })
    const events = await eventsAfter(own, before)
    expect(events.map(({ type, actor, reason }) => [type, actor, reason])).toEqual(
      goes.map(() => ["version-deleted", "ann", "room"]),
    )
    expect(await surviving(own)).toEqual(["model@2", "raw@3", "table@2"])
    expect(own.formatEvent(events[0] as never)).toBe("ann deleted version 1 of model: room")
  })

  law("what was pruned is there as of then, and comes back whole", async (own) => {
    await story(own)
    const before = own.position
    const all = await surviving(own)
    const { versions } = await own.prune({ keepLast: 1 })
    expect(await surviving(own)).not.toEqual(all)
    const names: Array<string> = []
    const then = own.asOf(before)
    for await (const { name, version } of then.versions({ sort: { by: "name" } }))
      names.push(`${name}@${version}`)
    expect(names).toEqual(all)
    expect(await then.load("table@1")).toBe("4444")
    for (const { id } of versions) await own.restore(id)
    expect(await surviving(own)).toEqual(all)
    expect(await own.load("table@1")).toBe("4444")
  })

  law("a plan that went through JSON is executed as it is, and twice is once", async (own) => {
    await story(own)
    const shown = await own.prune({ where: { name: "raw" }, keepLast: 2, dryRun: true })
    expect([named(shown.versions), shown.kept.used]).toEqual([[], 1])
    const plan: PrunePlan = JSON.parse(
      JSON.stringify(await own.prune({ keepLast: 1, dryRun: true })),
    )
    await own.save("raw", "later")
    const done = await own.prune(plan, { reason: "as shown" })
    expect(done).toEqual({ ...plan, done: true })
    // Raw 3 is no longer the last one, and not in the plan either.
    expect(await surviving(own)).toEqual(["model@2", "raw@3", "raw@4", "table@2"])
    const head = own.position
    const again = await own.prune(plan)
    expect(again).toMatchObject({ versions: [], count: 0, bytes: 0, done: true })
    expect(Object.values(skippedBy(again))).toEqual(goes.map(() => "deleted"))
    const shuffled = { ...plan, versions: [...plan.versions, ...plan.versions] }
    expect((await own.prune(shuffled)).skipped).toHaveLength(4)
    expect(own.position).toBe(head)
  })

  law("consumers go before what they were made from, many side by side", async (own) => {
    for (let round = 0; round < 3; round += 1) {
      await own.batch((b) => {
        for (let nth = 0; nth < 60; nth += 1) {
          const raw = b.save(`raw${nth % 5}`, `${round} ${nth}`)
          const table = b.save(`table${nth % 5}`, `${round} ${nth}`, { inputs: [raw] })
          b.save(`model${nth % 5}`, `${round} ${nth}`, { inputs: [raw, table] })
        }
      })
    }
    await own.saveAll(
      ["raw", "table", "model"].flatMap((kind) =>
        [0, 1, 2, 3, 4].map((nth) => ({ name: `${kind}${nth}`, value: "last" })),
      ),
    )
    const before = own.position
    const { count, skipped } = await own.prune({ keepLast: 1 })
    expect([count, skipped]).toEqual([540, []])
    const events = await eventsAfter(own, before)
    const at = new Map(
      events.flatMap((event) =>
        event.type === "version-deleted"
          ? [[event.data.target.version.id as string, event.position] as const]
          : [],
      ),
    )
    expect(at.size).toBe(540)
    for await (const version of own.asOf(before).versions())
      for (const { id } of version.inputs)
        expect(at.get(id)).toBeGreaterThan(at.get(version.id) ?? before + 540)
  })
}

const changeLaws = (law: Law): void => {
  law("what changed since the plan is left alone, and said", async (own) => {
    const names = ["tagged", "untagged", "logged", "held", "deleted", "hidden", "input", "same"]
    for (const name of names) {
      await own.save(name, name, { tags: "old" })
      await own.save(name, "last")
    }
    const plan = await own.prune({ keepLast: 1, dryRun: true })
    expect(plan.count).toBe(names.length)
    await own.tag("tagged@1", "gold")
    await own.untag("untagged@1", "old")
    await own.logMetadata("logged@1", { seen: true })
    await own.hold("held@1", { reason: "audit" })
    await own.delete("deleted@1")
    await own.delete({ artifact: "hidden" })
    await own.save("user", "of it", { inputs: ["input@1"] })
    // Of another version of it, and of its artifact: that changes nothing about this one.
    await own.tag("same@2", "gold")
    await own.logMetadata({ artifact: "same" }, { seen: true })
    const done = await own.prune(plan)
    expect(skippedBy(done)).toEqual({
      "tagged@1": "tagged",
      "untagged@1": "changed",
      "logged@1": "changed",
      "held@1": "held",
      "deleted@1": "deleted",
      "hidden@1": "deleted",
      "input@1": "used",
    })
    expect([named(done.versions), done.count, done.bytes]).toEqual([["same@1"], 1, 4])
  })

  law("what was made from something that stays keeps it, however far away", async (own) => {
    await story(own)
    const plan = await own.prune({ keepLast: 1, dryRun: true })
    await own.tag("model@1", "gold")
    const done = await own.prune(plan)
    expect(skippedBy(done)).toEqual({ "model@1": "tagged", "table@1": "used", "raw@1": "used" })
    expect(named(done.versions)).toEqual(["raw@2"])
    await own.untag("model@1", "gold")
    expect(named((await own.prune({ keepLast: 1 })).versions)).toEqual([
      "model@1",
      "table@1",
      "raw@1",
    ])
  })

  law("a plan without a consumer keeps what that was made from", async (own) => {
    await story(own)
    const plan = await own.prune({ keepLast: 1, dryRun: true })
    const versions = plan.versions.filter(({ name }) => name !== "table")
    const done = await own.prune({ ...plan, versions: versions.toReversed() })
    expect(skippedBy(done)).toEqual({ "raw@1": "used" })
    expect(named(done.versions)).toEqual(["model@1", "raw@2"])
    expect(done).toMatchObject({ count: 2, bytes: 7 })
  })

  law("a consumer that comes back meanwhile keeps what it was made from", async (own) => {
    await story(own)
    await own.delete("model@1")
    const plan = await own.prune({ keepLast: 1, dryRun: true })
    expect(named(plan.versions)).toEqual(["table@1", "raw@2", "raw@1"])
    await own.restore("model@1")
    expect(skippedBy(await own.prune(plan))).toEqual({ "table@1": "used", "raw@1": "used" })
    await own.delete({ artifact: "model" })
    const next = await own.prune({ keepLast: 1, dryRun: true })
    await own.restore({ artifact: "model" })
    expect(skippedBy(await own.prune(next))).toEqual({ "table@1": "used", "raw@1": "used" })
    // An artifact that comes back and has nothing to do with it keeps nothing.
    await own.delete({ artifact: "model" })
    await own.save("other", 1)
    await own.delete({ artifact: "other" })
    const last = await own.prune({ keepLast: 1, dryRun: true })
    await own.restore({ artifact: "other" })
    expect(named((await own.prune(last)).versions)).toEqual(["table@1", "raw@1"])
  })
}

const raceLaws = (law: Law): void => {
  law("two that prune at once delete each version once", async (own) => {
    for (let nth = 0; nth < 40; nth += 1) await own.save(`a${nth % 4}`, nth)
    const before = own.position
    const plan = await own.prune({ keepLast: 1, dryRun: true })
    const done = await Promise.all([own.prune(plan), own.prune({ keepLast: 1 }), own.prune(plan)])
    expect(done.reduce((sum, { count }) => sum + count, 0)).toBe(36)
    for (const { count, skipped } of done) expect(count + skipped.length).toBe(36)
    expect(done.flatMap(({ skipped }) => skipped.map(({ why }) => why))).toEqual(
      Array.from({ length: 72 }, () => "deleted"),
    )
    expect((await eventsAfter(own, before)).length).toBe(36)
  })

  law("whoever tags, holds or uses what is pruned wins or is refused", async (own) => {
    await own.saveAll(Array.from({ length: 601 }, (_, value) => ({ name: "a", value })))
    const plan = await own.prune({ keepLast: 1, dryRun: true })
    const won = new Set<string>()
    const write = (of: string, nth: number): Promise<unknown> => {
      if (nth % 3 === 0) return own.tag(of, "gold")
      return nth % 3 === 1 ? own.hold(of) : own.save("user", nth, { inputs: [of] })
    }
    // The newest go first; this begins at the other end.
    const writing = async () => {
      for (let nth = 1; nth <= 600; nth += 8)
        await write(`a@${nth}`, nth).then(
          () => won.add(`${nth}`),
          (error) => expect(error).toMatchObject({ _tag: "VersionMissing" }),
        )
    }
    const [{ versions, skipped, count }] = await Promise.all([own.prune(plan), writing()])
    expect(won.has("1")).toBe(true)
    expect(new Set(skipped.map(({ version }) => version))).toEqual(won)
    expect(count + skipped.length).toBe(600)
    expect(skipped.every(({ why }) => ["tagged", "held", "used"].includes(why))).toBe(true)
    for (const { version } of versions) expect(await own.find(`a@${version}`)).toBeUndefined()
    for (const version of won) expect(await own.find(`a@${version}`)).toBeDefined()
  })
}

/** The laws; `open` makes a new ledger each time. */
export const pruneContract = (name: string, open: () => Promise<PromiseLedger>): void => {
  describe(`pruning a ledger in ${name}`, () => {
    const law: Law = (title, check) =>
      it(title, async () => {
        const ledger = await open()
        onTestFinished(() => ledger.close())
        await check(ledger)
      })
    planLaws(law)
    changeLaws(law)
    raceLaws(law)
  })
}

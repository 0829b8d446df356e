/**
 * A storm of retries: fifty callers with one idempotency key, many of whom give up half-way, make
 * one event; whoever asks again hears the first answer, in this process or in a later one; and the
 * same key with another request is refused, whoever brings it.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const runs = Number(process.env.STORM_RUNS ?? 10)
const seed = Number(process.env.STORM_SEED ?? Math.floor(Math.random() * 2 ** 31))
const callers = 50
const keys = 10

/** Lets that many turns of the event loop pass. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate)
}

type Write = (
  ledger: PromiseLedger,
  options: { readonly idempotencyKey: string; readonly signal?: AbortSignal },
  changed: boolean,
) => Promise<unknown>

/** Every kind of write, and how another input of it looks. */
const writes: ReadonlyArray<Write> = [
  (ledger, options, changed) => ledger.save("a", changed ? "other" : "same", options),
  (ledger, options, changed) =>
    ledger.save("a", "base", { ...options, reuse: "content", ...(changed ? { tags: "t" } : {}) }),
  (ledger, options, changed) => ledger.tag("base@1", changed ? "other" : "tagged", options),
  (ledger, options, changed) => ledger.logMetadata("base", { n: changed ? 2 : 1 }, options),
  (ledger, options, changed) => ledger.untag("base", changed ? "other" : "none such", options),
  (ledger, options, changed) =>
    ledger.batch((b) => {
      const { id } = b.save("b", changed ? "other" : "same")
      b.tag({ id }, "new")
      b.logMetadata({ artifact: "base" }, { newest: id })
    }, options),
]

/** One caller in the storm: after how many turns it calls, and after how many more it gives up. */
interface Caller {
  readonly begins: number
  readonly gives: number | undefined
}

const caller: fc.Arbitrary<Caller> = fc.record({
  begins: fc.nat({ max: 4 }),
  gives: fc.option(fc.nat({ max: 6 }), { nil: undefined, freq: 3 }),
})

const storm = fc.array(caller, { minLength: callers, maxLength: callers })

interface Answered {
  readonly answers: ReadonlyArray<unknown>
  readonly aborted: number
}

const rage = async (
  ledger: PromiseLedger,
  write: Write,
  idempotencyKey: string,
  all: ReadonlyArray<Caller>,
): Promise<Answered> => {
  const reason = new Error("gave up")
  const calls = all.map(async ({ begins, gives }) => {
    await turns(begins)
    if (gives === undefined) return write(ledger, { idempotencyKey }, false)
    const controller = new AbortController()
    const call = write(ledger, { idempotencyKey, signal: controller.signal }, false)
    const given = turns(gives).then(() => controller.abort(reason))
    const [answer] = await Promise.all([call.catch((error: unknown) => error), given])
    return answer
  })
  const answers = await Promise.all(calls)
  const heard = answers.filter((answer) => answer !== reason)
  return { answers: heard, aborted: answers.length - heard.length }
}

const eventsWith = async (ledger: PromiseLedger, key: string): Promise<number> => {
  let count = 0
  const requests = new Set<number>()
  for await (const { idempotencyKey, part, position } of ledger.replay())
    if (idempotencyKey === key) {
      count += 1
      requests.add(position - (part?.index ?? 0))
      if (part !== undefined) expect(part.count).toBe(3)
    }
  // All of them belong to one request.
  expect(requests.size).toBe(1)
  return count
}

const weather = async (
  open: () => Promise<PromiseLedger>,
  reopens: boolean,
  storms: ReadonlyArray<ReadonlyArray<Caller>>,
): Promise<number> => {
  let ledger = await open()
  await ledger.save("base", "base")
  await ledger.save("a", "base")
  const firsts = new Map<string, unknown>()
  let aborted = 0
  const raging = storms.map(async (all, index) => {
    const [key, write] = [`key ${index}`, writes[index % writes.length]]
    if (write === undefined) throw new Error("there is no such write")
    const raged = await rage(ledger, write, key, all)
    aborted += raged.aborted
    const first = await write(ledger, { idempotencyKey: key }, false)
    for (const answer of raged.answers) expect(answer).toEqual(first)
    firsts.set(key, first)
  })
  await Promise.all(raging)
  const head = ledger.position
  if (reopens) {
    await ledger.close()
    ledger = await open()
  }
  for (const [index, [key, first]] of [...firsts].entries()) {
    const write = writes[Number(key.slice(4)) % writes.length]
    expect(await write?.(ledger, { idempotencyKey: key }, false)).toEqual(first)
    const isBatch = Array.isArray(first)
    expect(await eventsWith(ledger, key)).toBe(isBatch ? 3 : 1)
    // Also under the key of something else altogether.
    const other = writes[(index + 1) % writes.length]
    const changed = await Promise.allSettled([
      ...Array.from({ length: 5 }, () => write?.(ledger, { idempotencyKey: key }, true)),
      ...(other === write ? [] : [other?.(ledger, { idempotencyKey: key }, false)]),
    ])
    for (const one of changed)
      expect(one).toMatchObject({
        status: "rejected",
        reason: { _tag: "IdempotencyMismatch", kind: "conflict", idempotencyKey: key },
      })
  }
  expect(ledger.position).toBe(head)
  await ledger.close()
  return aborted
}

// A smaller storm says no more, and takes long to find.
const storms = fc.array(storm, { minLength: keys, maxLength: keys })

describe(`a storm of retries (STORM_RUNS=${runs} STORM_SEED=${seed})`, () => {
  it("over a ledger in memory makes one event a key", { timeout: 3_600_000 }, async () => {
    let aborted = 0
    const property = fc.asyncProperty(storms, async (all) => {
      aborted += await weather(() => openLedger({ memory: true }), false, all)
    })
    await fc.assert(property, { numRuns: runs, seed, endOnFailure: true })
    expect(aborted).toBeGreaterThan(runs * keys)
  })

  it("over a ledger on disk does so too, also after it", { timeout: 3_600_000 }, async () => {
    const home = temporary()
    let count = 0
    const property = fc.asyncProperty(storms, async (all) => {
      count += 1
      const directory = `${home}/${count}`
      await weather(() => openLedger({ directory, durability: "buffered" }), true, all)
    })
    await fc.assert(property, { numRuns: Math.ceil(runs / 5), seed, endOnFailure: true })
    expect(count).toBeGreaterThanOrEqual(runs / 5)
  })
})

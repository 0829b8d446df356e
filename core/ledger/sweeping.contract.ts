/**
 * Sweeps of a real ledger beside a naive one, also such as fail in the middle.
 *
 * Knows what may become of a sweep, not when one is worth trying.
 */
import { expect } from "vitest"
import { BlobFailure } from "../errors.js"
import { Past } from "./answers.contract.js"
import type { Swept } from "./answers.js"
import { storedIn } from "./kept.contract.js"
import { type Fault, faults, type Session } from "./session.contract.js"
import type { Sweeping } from "./standing.contract.js"
import type { Of, Version } from "./state.contract.js"
import { equal } from "./world.contract.js"

/** A sweep, and what is deleted before it, so that there is something to sweep. */
export interface Sweep {
  /** Artifacts, or numbers of surviving versions. */
  readonly of: ReadonlyArray<number | { readonly artifact: string }>
  /** Milliseconds behind each deletion. */
  readonly wait: number
  readonly sweeping: Sweeping
}

const deleteFirst = async (session: Session, { of, wait }: Sweep): Promise<void> => {
  for (const one of of) {
    const { versions } = session.model.state
    const surviving = [...versions.keys()].filter((at) => !versions[at]?.deleted)
    const which = typeof one === "number" ? surviving[one % surviving.length] : one
    if (which === undefined) return
    const meant: Of = typeof which === "number" ? { saved: which, as: "id" } : which
    await session.perform({ as: "one", steps: [{ does: "delete", of: meant, force: true }] })
    session.wait(wait)
  }
}

/** What was given up cannot be restored, and is gone for readers of the past, or is there again. */
const checkGone = async (
  session: Session,
  { saved, of: artifact }: Version,
  stored: ReadonlySet<string>,
): Promise<void> => {
  const { model, world } = session
  const of = { saved, as: "id" } as const
  const past = new Past(model, saved, stored)
  const reference = world.refer(of) as string
  const loaded = await world.run(model.now, world.ledger.asOf(saved).load(reference))
  world.compare(loaded, () => past.value(of))
  for (const one of [of, { artifact }])
    await session.perform({ as: "one", steps: [{ does: "restore", of: one }] })
}

/** A sweep, after which nothing is there but what is needed. */
export const sweep = async (session: Session, given: Sweep): Promise<void> => {
  await deleteFirst(session, given)
  const { model, world } = session
  const { undo, dryRun = false } = given.sweeping
  const before = model.state.position
  const stored = await storedIn(world, model, undo)
  const answer = await world.run(model.now, world.sweep(given.sweeping))
  const standings = model.sweep(given.sweeping)
  await world.learn(model, before)
  const { bytes, ...told } = answer as Swept
  const { position } = model.state
  const { due, waiting, needed } = standings
  const blobs = standings.removed(stored).size
  equal(told, { dryRun, position, versions: due.length, waiting, blobs })
  if (dryRun) equal(bytes, standings.usage(stored).reclaimable)
  const left = await storedIn(world, model, undo)
  equal(left, dryRun ? stored : needed)
  const last = due.at(-1)
  if (last !== undefined && !dryRun) await checkGone(session, last, left)
}

/** What the blobs do for a sweep once it has said what goes: where it may be cut short. */
export const cuts = ["list", "remove"] as const

/** A sweep that ends when it has said what goes; the next one removes it. */
export const cut = async (
  session: Session,
  given: Sweep,
  at: (typeof cuts)[number],
  how: "close" | "crash",
): Promise<void> => {
  await deleteFirst(session, given)
  const { model, world } = session
  const before = model.state.position
  const { fail } = world
  fail.blob = (operation, phase) =>
    operation === at && phase === "before"
      ? new BlobFailure({ message: "the disk failed", reason: "io", operation, outcome: "none" })
      : undefined
  const answer = await world.run(model.now, world.sweep(given.sweeping))
  delete fail.blob
  // Where nothing is to be removed, nothing fails.
  if (at === "list") expect(answer).toBeInstanceOf(BlobFailure)
  const { due } = model.sweep(given.sweeping)
  await world.learn(model, before)
  await session.reopen(how)
  const stored = await storedIn(world, model)
  for (const { value } of due) expect(stored).toContain(value)
  await sweep(session, { of: [], wait: 0, sweeping: {} })
}

/** A sweep whose events cannot be stored, or maybe cannot. */
export const failingSweep = async (
  session: Session,
  given: Sweep,
  fault: Fault,
  how: "close" | "crash",
): Promise<void> => {
  await deleteFirst(session, given)
  const trial = session.model.fork()
  trial.sweep(given.sweeping)
  const isNothing = trial.state.position === session.model.state.position
  const { sweeping } = given
  if (isNothing || faults[fault].store === "view")
    return await sweep(session, { of: [], wait: 0, sweeping })
  await session.failingAppend(session.world.sweep(sweeping), trial, fault, how)
}

/**
 * What is asked of a ledger that was damaged on the disk, by a program of its own, since damage
 * could end a process; and what every answer is held against.
 *
 * Each answer is that of the ledger as it was, or an error that names damage; what is missing is
 * named by `trust`. Knows which part of a ledger was damaged, not how.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import type { Stage } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

/** What there is to be asked about. */
export interface Known {
  readonly versions: ReadonlyArray<string>
  readonly artifacts: ReadonlyArray<string>
  readonly moments: ReadonlyArray<number>
}

export interface ToldError {
  readonly _tag?: string
  readonly kind?: string
  readonly reason?: string
  readonly message?: string
  readonly from?: number
  readonly to?: number
  readonly where?: unknown
}

/** An answer as JSON, or the error there was in its place. */
export type Answer = string | ToldError

/** What one opening of a ledger came to. */
export interface Told {
  readonly opening?: ToldError
  readonly position?: number
  readonly readOnly?: boolean
  readonly damaged?: ReadonlyArray<{ from?: number; to?: number; text: string }>
  /** What was made anew. */
  readonly repaired?: ReadonlyArray<string>
  /** How many stretches of packs are known to be damaged. */
  readonly damagedContent?: number
  /** Which opening of that directory it is, from 0. */
  readonly turn?: number
  readonly answers?: Readonly<Record<string, Answer>>
  /** The retry of a write that was made long ago, and a new write. */
  readonly retried?: Answer
  readonly written?: Answer
  readonly closing?: ToldError
}

/** Opens each directory in turn so many times, and tells what it came to. A program of its own. */
export const interrogate = async (
  { openLedger, tell }: Stage,
  directories: ReadonlyArray<string>,
  known: Known,
  turns: number,
): Promise<void> => {
  const errorOf = (thrown: unknown) => {
    const { _tag, kind, reason, message, from, to, where } = thrown as Record<string, unknown>
    return { _tag, kind, reason, message, from, to, where }
  }
  const answerOf = async (run: () => Promise<unknown>) => {
    try {
      return JSON.stringify(await run()) ?? "nothing"
    } catch (thrown) {
      return errorOf(thrown)
    }
  }
  const all = async (many: AsyncIterable<unknown>) => {
    const found: Array<unknown> = []
    for await (const one of many) found.push(one)
    return found
  }
  /** Each event by itself, on behind whatever cannot be read. */
  const replay = async (ledger: PromiseLedger, answers: Record<string, unknown>) => {
    const end = Math.max(ledger.trust.position, ...known.moments)
    for (let after = 0; after < end; ) {
      try {
        for await (const event of ledger.replay({ after })) {
          after = event.position
          answers[`event ${after}`] = JSON.stringify(event)
        }
        return
      } catch (thrown) {
        const error = errorOf(thrown)
        const to = Number(error.to ?? end)
        for (let at = after + 1; at <= to; at += 1) answers[`event ${at}`] = error
        after = to
      }
    }
  }
  const ask = async (ledger: PromiseLedger) => {
    const answers: Record<string, unknown> = {}
    const put = async (question: string, run: () => Promise<unknown>) => {
      answers[question] = await answerOf(run)
    }
    await replay(ledger, answers)
    for (const id of known.versions) {
      await put(`get ${id}`, () => ledger.find({ id }))
      await put(`load ${id}`, () => ledger.load({ id }))
      await put(`history ${id}`, () => all(ledger.history({ id })))
    }
    for (const name of known.artifacts) {
      await put(`artifact ${name}`, () => ledger.findArtifact(name))
      await put(`metadata ${name}`, () => ledger.metadataHistory({ artifact: name }))
      await put(`latest ${name}`, () => ledger.find(name))
    }
    for (const moment of known.moments) {
      const past = ledger.asOf(moment)
      await put(`artifacts at ${moment}`, () => all(past.artifacts()))
      await put(`versions at ${moment}`, () => all(past.versions()))
      await put(`tags at ${moment}`, () => all(past.tags()))
      await put(`latest at ${moment}`, () => past.find(known.artifacts[0] ?? ""))
    }
    await put("artifacts", () => all(ledger.artifacts()))
    await put("versions", () => all(ledger.versions()))
    await put("tags", () => all(ledger.tags()))
    await put("nothing of that name", () => ledger.findArtifact("nothing of that name"))
    return answers
  }
  const once = async (directory: string, turn: number) => {
    const ledger = await openLedger({ directory, create: false })
    const { readOnly, damaged, position, repaired } = ledger.trust
    const answers = await ask(ledger)
    const key = { idempotencyKey: "long ago" }
    const retried = await answerOf(async () => (await ledger.save("keyed", "keyed", key)).id)
    const write = async () => (await ledger.save("later", turn)).position
    // Last of all, so that every opening is asked the same.
    const written = turn === turns - 1 ? await answerOf(write) : undefined
    const closing = await ledger.close().catch(errorOf)
    const damagedContent = ledger.trust.damagedContent.length
    const trust = { position, readOnly, damaged, damagedContent, repaired }
    return { turn, ...trust, answers, retried, written, closing }
  }
  for (const directory of directories)
    for (let turn = 0; turn < turns; turn += 1)
      tell(await once(directory, turn).catch((thrown: unknown) => ({ opening: errorOf(thrown) })))
}

/** The parts of a ledger, by what may become of them. */
export const partOf = (path: string): string => {
  if (path.startsWith("blob/packs/")) return "packs"
  if (path.startsWith("blob/index/")) return "index"
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : path
}

export interface Trial {
  /** Of the damaged file, from the directory of the ledger on. */
  readonly path: string
  readonly what: string
  /** Whether packs may go on behind what their index knows, since the ledger was killed. */
  readonly wasKilled?: boolean
}

const covers = ({ damaged = [] }: Told, { from = 0, to = 0 }: ToldError): boolean => {
  for (let position = from; position <= to; position += 1)
    if (!damaged.some((one) => (one.from ?? 1) <= position && position <= (one.to ?? 0)))
      return false
  return to > 0
}

/** Whether this part may be answered with this error. */
const isNamed = (
  { path, wasKilled }: Trial,
  question: string,
  error: Answer | undefined,
  told: Told,
): boolean => {
  const part = partOf(path)
  const position = Number(/^event (\d+)$/.exec(question)?.[1])
  // Behind the last event that is left there is nothing to ask for.
  if (error === undefined) return covers(told, { from: position, to: position })
  if (typeof error === "string") return false
  if (part === "log") return error._tag === "RecordCorrupted" && covers(told, error)
  if (part !== "packs" || !question.startsWith("load")) return false
  if (error._tag !== "BlobCorrupted") return false
  // Where it lay nobody knows of what was cut off behind the index: each read says that it is gone.
  if (wasKilled === true && error.where === undefined) return true
  // What a read has found, the next opening knows.
  return told.turn === 0 || (told.damagedContent ?? 0) > 0
}

/** Whether a ledger may not open at all for damage to this part. */
const mayRefuse = (part: string, { what }: Trial, { _tag }: ToldError): boolean => {
  if (part === "ledger.json") return _tag === "WrongLedger"
  return part === "log" && what === "older" && _tag === "WrongLedger"
}

const judgeWrites = (part: string, told: Told, truth: Told): void => {
  if (told.readOnly === true) {
    expect(part).toBe("log")
    expect(told.damaged).not.toEqual([])
    expect(told.written ?? told.retried).toMatchObject({ _tag: "LedgerReadOnly" })
    return
  }
  expect(told.damaged).toEqual([])
  if (part !== "packs") expect(told.damagedContent).toBe(0)
  // Nothing is done twice, and the next event comes behind all others.
  expect(told.retried).toBe(truth.retried)
  if (told.written !== undefined) expect(told.written).toBe(String((told.position ?? 0) + 1))
  expect(told.closing).toBeUndefined()
}

/** What became of a ledger. */
export type End = "as it was" | "named" | "read around" | "refused"

/** Holds what one opening came to against what a sound ledger came to. */
export const judge = (trial: Trial, told: Told, truth: Told): End => {
  const part = partOf(trial.path)
  if (told.opening !== undefined) {
    expect(told.opening).toSatisfy((error: ToldError) => mayRefuse(part, trial, error))
    return "refused"
  }
  const named: Array<string> = []
  for (const [question, answer] of Object.entries(truth.answers ?? {})) {
    const found = told.answers?.[question]
    if (found === answer) continue
    if (isNamed(trial, question, found, told)) named.push(question)
    else expect({ question, found }).toEqual({ question, found: answer })
  }
  // Nothing is said to be missing that is there.
  for (const { from = 1, to = 0 } of told.damaged ?? [])
    for (let position = from; position <= to; position += 1)
      expect(named).toContain(`event ${position}`)
  judgeWrites(part, told, truth)
  if (told.readOnly === true) return "read around"
  return named.length > 0 ? "named" : "as it was"
}

/** Everything in a directory, by path. */
export const filesIn = (directory: string): ReadonlyMap<string, Buffer> =>
  new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return [path.slice(directory.length + 1), readFileSync(path)] as const
      }),
  )

const derived: Readonly<Record<string, RegExp>> = {
  view: /^(the|rows of the) views were/,
  index: /^(the|rows of the) blob index (was|were)/,
}

/**
 * Whether a file of what can be made anew was found damaged: then what it belongs to was given up.
 * An older file is whole, and what was cut off its end was never there: that loses rows, no bytes.
 */
const wasGivenUp = (part: string, { what }: Trial, openings: ReadonlyArray<Told>): boolean =>
  openings
    .flatMap(({ repaired = [] }) => repaired)
    .filter((text) => derived[part]?.test(text))
    .some((text) => what.startsWith("bit") || text.includes("quarantine/"))

/** Damaged bytes are never removed: they are still there somewhere. */
export const expectKept = (
  directory: string,
  trial: Trial,
  found: Buffer | undefined,
  openings: ReadonlyArray<Told>,
): void => {
  const { path } = trial
  const part = partOf(path)
  const [first = {}] = openings
  // A log that was read as a whole is written on, and so is its seal.
  const isSound = first.readOnly === false && ["log", "tip"].includes(part)
  const isEvidence =
    ["log", "tip", "packs", "ledger.json"].includes(part) || wasGivenUp(part, trial, openings)
  if (found === undefined || isSound || !isEvidence) return
  const kept = [...filesIn(directory).values()].some((bytes) =>
    // Packs are written on.
    part === "packs" ? bytes.subarray(0, found.length).equals(found) : bytes.equals(found),
  )
  expect({ path, kept }).toEqual({ path, kept: true })
}

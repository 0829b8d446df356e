/**
 * Every error: its tag, its kind, its fields, and how a refusal, a failure and anything else are
 * told apart.
 */
import { describe, expect, it } from "vitest"
import * as errors from "./errors.js"
import { isDaybookError, isFailure, isRefusal } from "./errors.js"

const message = "name the thing and the next step"
const storage = { message, operation: "append", reason: "io", outcome: "none" } as const

/** One of each, with every field. */
const all = {
  invalid: [
    new errors.InvalidInput({ message, path: "metadata.scores[3]" }),
    new errors.InvalidReference({ message, reference: "churn@" }),
  ],
  missing: [
    new errors.ArtifactMissing({ message, artifact: "chrn", candidates: ["churn"] }),
    new errors.VersionMissing({ message, artifact: "churn", selector: "9", candidates: ["1"] }),
    new errors.TagMissing({ message, tag: "prod", candidates: [] }),
    new errors.ContentGone({
      message,
      digest: "ab",
      position: 7,
      time: 0,
      actor: "ann",
      reason: "swept",
    }),
  ],
  conflict: [
    new errors.VersionExists({ message, artifact: "churn", version: "7" }),
    new errors.NameTaken({ message, taken: "churn", holders: ["churn@7"] }),
    new errors.AmbiguousReference({ message, reference: "ABCDEF", candidates: ["churn@1"] }),
    new errors.ExpectationFailed({ message, expectation: "latest", expected: null, actual: "7" }),
    new errors.IdempotencyMismatch({ message, idempotencyKey: "k", position: 7 }),
    new errors.ContentDrifted({ message, path: "a/b" }),
    new errors.TargetExists({ message, path: "x.zip" }),
    new errors.InUse({ message, consumers: ["churn@7"], held: ["churn@6"] }),
    new errors.TypeMismatch({ message, path: "[0].rows" }),
  ],
  exceeded: [
    new errors.LimitExceeded({ message, limit: "nameBytesMax", allowed: 255, actual: 256 }),
  ],
  unavailable: [
    new errors.LogFailure({ ...storage, cause: new Error("disk") }),
    new errors.ViewFailure({ ...storage, reason: "full", outcome: "committed" }),
    new errors.BlobFailure({ ...storage, reason: "missing", outcome: "unknown" }),
    new errors.FileFailure(storage),
    new errors.LedgerLocked({ message, directory: "/ledger", pid: 7 }),
    new errors.LedgerClosed({ message }),
    new errors.LedgerReadOnly({ message, directory: "/ledger", cause: new Error("damage") }),
  ],
  corrupt: [
    new errors.RecordCorrupted({ message, from: 7, to: 9 }),
    new errors.BlobCorrupted({ message, digest: "ab" }),
    new errors.WrongLedger({ message, directory: "/ledger", expected: "A", found: "B" }),
  ],
} as const satisfies Record<errors.ErrorKind, ReadonlyArray<errors.DaybookError>>

const listed = Object.entries(all).flatMap(([kind, list]) =>
  list.map((error: errors.DaybookError) => [error._tag, kind, error] as const),
)

describe("the page of errors", () => {
  it("has each class once in one of the six kinds", () => {
    const classes = Object.entries(errors).filter(
      ([, value]) => typeof value === "function" && value.prototype instanceof Error,
    )
    expect(listed.map(([tag]) => tag).sort()).toEqual(classes.map(([name]) => name).sort())
  })

  it.each(listed)("%s is an error of the kind %s", (tag, kind, error) => {
    expect(error).toBeInstanceOf(Error)
    expect(error.constructor.name).toBe(tag)
    expect([error._tag, error.kind, error.message]).toEqual([tag, kind, message])
    expect(String(error)).toBe(`${tag}: ${message}`)
    expect(error.stack).toContain("errors.test")
  })

  it.each(listed)("%s is plain data to JSON", (_, __, error) => {
    const { cause, ...fields } = { cause: undefined, ...error }
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ ...fields, message })
    expect(cause === undefined || cause instanceof Error).toBe(true)
  })
})

describe("telling errors apart", () => {
  it("by whose turn it is: refusals are decisions, failures are storage's", () => {
    const failing = listed.filter(([, , error]) => isFailure(error)).map(([, kind]) => kind)
    expect(new Set(failing)).toEqual(new Set(["unavailable", "corrupt"]))
    expect(failing).toHaveLength(all.unavailable.length + all.corrupt.length)
  })

  it("knows a refusal from what a decision answers otherwise", () => {
    for (const [, kind, error] of listed)
      expect(isRefusal(error)).toBe(kind !== "unavailable" && kind !== "corrupt")
    expect(isRefusal(new TypeError("not ours"))).toBe(false)
    for (const answer of [{ facts: [], result: null }, [], { _tag: "InvalidInput" }])
      expect(isRefusal(answer)).toBe(false)
  })

  it("knows its own from what foreign code throws", () => {
    for (const [, , error] of listed) expect(isDaybookError(error)).toBe(true)
    const alike = Object.assign(new Error("x"), { _tag: "Other", kind: "odd" })
    const plain = { _tag: "InvalidInput", kind: "invalid", message }
    for (const thrown of [new Error("x"), alike, plain, "invalid", null, undefined, 7])
      expect(isDaybookError(thrown)).toBe(false)
  })
})

/**
 * Every event in words, as a person would tell it.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { catalog, fact } from "./catalog.js"
import { makeCodec } from "./codec.js"
import type { Recorded } from "./event.js"
import { published } from "./published.js"
import { Recorder, testId } from "./recorder.contract.js"
import { formatEvent } from "./sentence.js"

const codec = makeCodec(catalog)

const recovery = {
  source: testId(8),
  recoveredAt: 5,
  lost: [
    { from: 3, to: 18 },
    { from: 20, to: 20 },
  ],
  leftOut: [{ position: 21, type: "tags-added", text: "its version is lost" }],
  altered: [],
  contentLost: [{ digest: digestOf(Uint8Array.of(1)), artifact: "churn", version: "1" }],
}

/** A story in which every type of event happens. */
const tell = (): ReadonlyArray<Recorded> => {
  const recorder = new Recorder()
  const ledger = { ledger: testId(9), format: 1, hash: "sha256", chunking: {} } as const
  recorder.record(fact("ledger-created", ledger, []))
  recorder.record(fact("ledger-recovered", recovery, []))
  recorder.context = { actor: "ann" }
  const first = recorder.save("churn", { content: "12345" })
  recorder.save("churn", { label: "raw", tags: ["a", "b"], content: "" })
  recorder.defineTag("main", { exclusive: true })
  recorder.tag(first, "main")
  recorder.context = { actor: "ann", reason: "fairness review" }
  const next = recorder.save("churn", { tags: ["c", "main"], content: "1" })
  recorder.tag(first, "main")
  recorder.context = { actor: "bob" }
  recorder.defineTag("main", { exclusive: true, color: "green" })
  recorder.defineTag("raw")
  recorder.tag(next, "a", "b")
  recorder.tag("churn", "main")
  recorder.save("feed")
  recorder.tag("feed", "main")
  recorder.untag(next, "a", "b")
  recorder.untag("churn", "main")
  recorder.log(next, { accuracy: 0.9, rows: 1n })
  recorder.unlog("churn", "owner")
  recorder.delete(next)
  recorder.restore(next)
  recorder.hold(next)
  recorder.context = { actor: "ann", reason: "the audit is over" }
  recorder.release(next)
  recorder.context = { actor: "bob", reason: "end of the project" }
  recorder.delete("churn")
  recorder.context = {}
  recorder.restore("churn")
  recorder.delete(next)
  recorder.sweep(next)
  recorder.sweep(first, next)
  const found = { same: 2, changed: 0, missing: 0, extra: 0, entries: [] }
  recorder.observe(first, found)
  recorder.observe(first, { ...found, changed: 1, extra: 3 })
  recorder.record(fact("request-settled", { command: "tag", result: null }, []))
  return recorder.events
}

const sentences = [
  `someone created the ledger ${testId(9)}`,
  `someone recovered the ledger ${testId(8)} ` +
    "(events lost: 17, contents lost: 1, left out: 1, altered: 0)",
  "ann saved version 1 of churn (5 bytes)",
  "ann saved version raw of churn (0 bytes), tagged a, b",
  "ann defined the exclusive tag main",
  "ann tagged version 1 of churn with main",
  "ann saved version 3 of churn (1 bytes), tagged c, main (held by 1 before 3): fairness review",
  "ann moved main of churn from 3 to 1: fairness review",
  "bob redefined the exclusive tag main",
  "bob defined the plain tag raw",
  "bob tagged version 3 of churn with a, b",
  "bob tagged churn with main",
  "bob saved version 1 of feed (6 bytes)",
  "bob moved main from churn to feed",
  "bob took a, b off version 3 of churn",
  "bob took main off churn",
  "bob logged accuracy, rows for version 3 of churn",
  "bob removed owner from churn",
  "bob deleted version 3 of churn",
  "bob restored version 3 of churn",
  "bob placed a hold on version 3 of churn",
  "ann released the hold on version 3 of churn: the audit is over",
  "bob deleted churn with all its versions: end of the project",
  "someone restored churn",
  "someone deleted version 3 of churn",
  "someone swept the content of version 3 of churn",
  "someone swept the content of version 1 of churn and 1 more",
  "someone found version 1 of churn in place as it was registered",
  "someone found version 1 of churn drifted: 1 changed, 0 missing, 3 extra, 2 the same",
  "someone asked for tag, which changed nothing",
]

describe("an event in words", () => {
  const events = tell()

  it.each(sentences.map((sentence, index) => ({ sentence, index })))("$sentence", (line) => {
    const event = events[line.index]
    expect(event && formatEvent(codec, event)).toBe(line.sentence)
  })

  it("is there for every type", () => {
    expect(events.length).toBe(sentences.length)
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set(catalog.map(({ type }) => type)),
    )
  })

  it("is the same in the form that callers see", () => {
    expect(events.map((event) => formatEvent(codec, published(event)))).toEqual(sentences)
  })

  it("moves a tag within an artifact as the product page says", () => {
    const recorder = new Recorder()
    const versions = Array.from({ length: 7 }, () => recorder.save("churn"))
    recorder.defineTag("production", { exclusive: true })
    for (const version of versions.slice(5)) {
      recorder.context = { actor: "ann", reason: "fairness review" }
      recorder.tag(version, "production")
    }
    const last = recorder.events.at(-1)
    expect(last && formatEvent(codec, last)).toBe(
      "ann moved production of churn from 6 to 7: fairness review",
    )
  })

  it("says of an unknown event that it was recorded, and why", () => {
    const recorder = new Recorder()
    recorder.context = { actor: "a robot", reason: "rain" }
    const event = recorder.record({ type: "roof-closed", data: { by: 7 }, subjects: [] })
    expect(formatEvent(codec, event)).toBe("a robot recorded roof-closed: rain")
  })

  it("says no more of a newer revision than of an unknown type", () => {
    const [event] = new Recorder().events.concat(tell().slice(2, 3))
    const newer = event && { ...event, revision: 2, data: { other: "form" } }
    expect(newer && formatEvent(codec, newer)).toBe("ann recorded version-saved")
  })

  it("is one line, whatever a caller's texts would do to it", () => {
    const recorder = new Recorder()
    recorder.context = { actor: "ann\nben", reason: "\u001b[31mred \u202eturned" }
    const event = recorder.record({ type: "their/event", data: null, subjects: [] })
    expect(formatEvent(codec, event)).toBe(
      "ann\\u000aben recorded their/event: \\u001b[31mred \\u202eturned",
    )
  })
})

/**
 * Explained refusals: what there is instead, the closest first, and nothing that is not there.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import {
  ArtifactMissing,
  type DaybookError,
  InUse,
  InvalidInput,
  LedgerClosed,
  NameTaken,
  TagMissing,
  VersionMissing,
} from "../errors.js"
import type { CoreEvents } from "../event/catalog.js"
import { Recorder, testId } from "../event/recorder.contract.js"
import { candidateCountMax, pageSizeMax } from "../limits.js"
import { layer as logLayer } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { explaining, printVersion } from "./explain.js"
import { getVersion } from "./find.js"
import { momentsOf } from "./moment.contract.js"

const stores = Layer.mergeAll(logLayer, viewLayer)

const open = async (tell: (recorder: Recorder) => void) => {
  const recorder = new Recorder()
  tell(recorder)
  const moments = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))
  const saved = recorder.events.filter(({ type }) => type === "version-saved")
  const names = () => saved.map(({ data }) => (data as CoreEvents["version-saved"]).artifact.name)
  return { ...moments, names }
}

/** By its definition: the fewest characters to put in, take out or replace. */
const editsBetween = (a: string, b: string, known = new Map<string, number>()): number => {
  if (a === "" || b === "") return a.length + b.length
  const key = `${a.length} ${b.length}`
  const found = known.get(key)
  if (found !== undefined) return found
  const [shorter, other] = [a.slice(1), b.slice(1)]
  const edits = Math.min(
    editsBetween(shorter, other, known) + (a[0] === b[0] ? 0 : 1),
    editsBetween(shorter, b, known) + 1,
    editsBetween(a, other, known) + 1,
  )
  known.set(key, edits)
  return edits
}

const { at } = await open((recorder) => {
  for (const name of ["churn", "churn-model", "feed", "report"]) recorder.save(name)
  for (const label of ["raw_2023", "raw_2024", "44", "45"]) recorder.save("churn", { label })
  const [one, two] = [recorder.save("pair"), recorder.save("pair")]
  recorder.tag(one, "production", "crowd")
  recorder.tag(two, "staging", "crowd")
  recorder.tag("churn", "among artifacts")
  recorder.tag("feed", "among artifacts")
  recorder.tag("feed", "crowd")
  recorder.delete("report")
  recorder.delete(recorder.save("churn", { label: "46" }))
})

const explained = (error: DaybookError, moment = at()): Promise<DaybookError> =>
  Effect.runPromise(Effect.flip(explaining(Effect.succeed(moment))(Effect.fail(error))))

const get = (reference: string): Promise<DaybookError> =>
  Effect.runPromise(Effect.flip(explaining(Effect.succeed(at()))(getVersion(at(), reference))))

describe("a missing artifact", () => {
  it("is answered with those that survive, the closest first", async () => {
    expect(await get("chrun")).toEqual(
      new ArtifactMissing({
        message: "there is no artifact named chrun (there is churn, feed, pair)",
        artifact: "chrun",
        candidates: ["churn", "feed", "pair", "churn-model"],
      }),
    )
    expect(await get("churn-mdel")).toMatchObject({
      candidates: expect.arrayContaining(["churn-model"]),
    })
  })

  it("is answered as of then", async () => {
    const missing = new ArtifactMissing({ message: "none", artifact: "x", candidates: [] })
    expect(await explained(missing, at(2))).toMatchObject({ candidates: ["churn", "churn-model"] })
    expect(await explained(missing, at(0))).toMatchObject({ message: "none", candidates: [] })
  })

  it("is answered with the closest of a thousand, those equally close in their order", async () => {
    const words = ["north", "south", "east", "west", "up"]
    const crowd = await open((recorder) => {
      for (let nth = 0; nth < pageSizeMax; nth += 1)
        recorder.save(`${words[nth % words.length]}-${"x".repeat(nth % 7)}-${nth}`)
    })
    const names = crowd.names().toSorted()
    for (const wanted of ["nroth-xx-305", "x", "west--9999", "a name like none of them at all"]) {
      const missing = new ArtifactMissing({ message: "", artifact: wanted, candidates: [] })
      const ranked = names
        .map((name) => ({ name, edits: editsBetween(wanted, name) }))
        .sort((a, b) => a.edits - b.edits)
      expect(await explained(missing, crowd.at())).toHaveProperty(
        "candidates",
        ranked.slice(0, candidateCountMax).map(({ name }) => name),
      )
    }
  })

  it("is compared with long names by their beginnings", async () => {
    const long = "x".repeat(64)
    const names = [`${long}${"a".repeat(50)}`, `${long}bc`, `${long.slice(1)}b`]
    const crowd = await open((recorder) => {
      for (const name of names) recorder.save(name)
    })
    const missing = new ArtifactMissing({ message: "", artifact: `${long}b`, candidates: [] })
    expect(await explained(missing, crowd.at())).toHaveProperty("candidates", names)
  })

  it("is answered with at most so many, however many there are", async () => {
    const crowd = await open((recorder) => {
      for (let nth = 0; nth < 40; nth += 1) recorder.save(`artifact ${nth}`)
    })
    const missing = new ArtifactMissing({ message: "", artifact: "artifact 39x", candidates: [] })
    const error = await explained(missing, crowd.at())
    expect(error).toHaveProperty("candidates.0", "artifact 39")
    expect(error).toHaveProperty("candidates.length", candidateCountMax)
  })
})

describe("a missing version", () => {
  it("is answered with the labels that survive, the closest first", async () => {
    const error = await get("churn@raw_2022")
    expect(error).toBeInstanceOf(VersionMissing)
    expect(error).toHaveProperty("candidates", ["raw_2024", "raw_2023", "45", "44", "1"])
    expect(await get("churn@46")).toMatchObject({
      message: expect.stringContaining("was deleted at position"),
      candidates: ["45", "44", "1", "raw_2024", "raw_2023"],
    })
  })

  it("that no artifact is named for has no candidates", async () => {
    expect(await get(testId(9_999))).toMatchObject({ _tag: "VersionMissing", candidates: [] })
  })
})

describe("other refusals", () => {
  it("name the tags that exist", async () => {
    const missing = new TagMissing({ message: "no tag prod", tag: "produktion", candidates: [] })
    expect(await explained(missing)).toMatchObject({
      message: expect.stringContaining("no tag prod (there is production, "),
      tag: "produktion",
      candidates: ["production", "crowd", "staging", "among artifacts"],
    })
  })

  it("name who holds a tag that cannot become exclusive: versions, then artifacts", async () => {
    const taken = (name: string) => new NameTaken({ message: "no", taken: name, holders: [] })
    expect(await explained(taken("crowd"))).toMatchObject({ holders: ["pair@1", "pair@2"] })
    expect(await explained(taken("among artifacts"))).toMatchObject({
      holders: ["churn", "feed"],
    })
    expect(await explained(taken("production"))).toMatchObject({ message: "no", holders: [] })
    expect(await explained(taken("unknown"))).toMatchObject({ message: "no", holders: [] })
  })

  it("keep the holders that the decision named", async () => {
    const taken = new NameTaken({ message: "no", taken: "crowd", holders: ["churn@crowd"] })
    expect(await explained(taken)).toBe(taken)
  })

  it("name consumers and what is held as people do", async () => {
    const recorder = new Recorder()
    const id = recorder.save("churn").version.id
    const moments = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), stores))
    const inUse = new InUse({ message: "in use", consumers: [id, "unknown"], held: [] })
    expect(await explained(inUse, moments.at())).toMatchObject({
      message: "in use (there is churn@1, unknown)",
      consumers: ["churn@1", "unknown"],
      held: [],
    })
    const held = new InUse({ message: "it is held", consumers: [], held: [id, "unknown"] })
    expect(await explained(held, moments.at())).toMatchObject({
      message: "it is held",
      consumers: [],
      held: ["churn@1", "unknown"],
    })
    expect(printVersion(moments.at(), id)).toBe("churn@1")
  })

  it.each<[string, DaybookError]>([
    ["of any other kind", new InvalidInput({ message: "no", path: "x" })],
    ["that are failures", new LedgerClosed({ message: "closed" })],
  ])("%s stay as they are", async (_, error) => {
    expect(await explained(error)).toBe(error)
  })

  it("cost nothing where there is no refusal", async () => {
    const moment = Effect.sync(() => expect.fail("nothing was to be explained"))
    expect(await Effect.runPromise(explaining(moment)(Effect.succeed(7)))).toBe(7)
  })

  it("stay as they are when there is no moment to look at any more", async () => {
    const closed = Effect.fail(new LedgerClosed({ message: "closed" }))
    const missing = new ArtifactMissing({ message: "none", artifact: "x", candidates: [] })
    const call = explaining(closed)(Effect.fail(missing))
    expect(await Effect.runPromise(Effect.flip(call))).toBe(missing)
  })
})

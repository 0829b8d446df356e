/**
 * Tags and labels: given these events, these rows; and the counts of holders against plain sets,
 * under random taggings, untaggings, moves of exclusive tags and labels of the same name.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import type { TargetRef, VersionTarget } from "../event/subject.js"
import { FoldedViews } from "./projection.contract.js"
import { ledgerScope, scopeOf, tags } from "./tags.js"

const fold = (recorder: Recorder) => new FoldedViews([tags]).fold(recorder.events)
const tagRow = (recorder: Recorder, name: string) => fold(recorder).view(tags).get(["name", name])

describe("a tag", () => {
  it("begins with its first use, plain", () => {
    const recorder = new Recorder()
    const { artifact, version } = recorder.save("churn", { label: "best", tags: ["raw"] })
    const id = recorder.tagId("raw")
    expect(fold(recorder).rows(tags)).toEqual({
      [`["holder","${id}","${artifact.id}",1]`]: version.id,
      [`["holders","${id}","${artifact.id}"]`]: { count: 1, sum: 1 },
      [`["id","${id}"]`]: "raw",
      [`["label","${artifact.id}","best"]`]: 1,
      '["name","raw"]': {
        id,
        name: "raw",
        exclusive: false,
        createdAt: timeAt(1),
        position: 1,
        crowded: 0,
        clashes: 0,
      },
    })
  })

  it("keeps its beginning, its id and its holders through every definition", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn", { tags: ["raw"] })
    recorder.defineTag("raw", { color: "red", description: "as it came" })
    expect(tagRow(recorder, "raw")).toMatchObject({ color: "red", description: "as it came" })
    recorder.defineTag("raw", { exclusive: true })
    expect(tagRow(recorder, "raw")).toEqual({
      id: recorder.tagId("raw"),
      name: "raw",
      exclusive: true,
      createdAt: timeAt(1),
      position: 1,
      crowded: 0,
      clashes: 0,
    })
    const holders = ["holders", recorder.tagId("raw"), target.artifact.id] as const
    expect(fold(recorder).view(tags).get(holders)).toEqual({ count: 1, sum: 1 })
  })

  it("that is defined before any use has no holder", () => {
    const recorder = new Recorder()
    recorder.defineTag("main", { exclusive: true, color: "green" })
    const id = recorder.tagId("main")
    expect(fold(recorder).rows(tags)).toEqual({
      [`["id","${id}"]`]: "main",
      '["name","main"]': {
        id,
        name: "main",
        exclusive: true,
        color: "green",
        createdAt: timeAt(1),
        position: 1,
        crowded: 0,
        clashes: 0,
      },
    })
  })

  it("is counted in the scope of an artifact for versions, of the ledger for artifacts", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn")
    expect(scopeOf(target)).toBe(target.artifact.id)
    expect(scopeOf({ artifact: target.artifact })).toBe(ledgerScope)
    recorder.save("feed")
    recorder.tag("feed", "raw")
    recorder.tag(target, "raw")
    const id = recorder.tagId("raw")
    const rows = fold(recorder).view(tags)
    expect(rows.get(["holders", id, ledgerScope])).toEqual({ count: 1, sum: 2 })
    expect(rows.get(["holder", id, ledgerScope, 2])).toBe(recorder.artifact("feed").id)
    expect(rows.get(["holders", id, target.artifact.id])).toEqual({ count: 1, sum: 1 })
    expect(tagRow(recorder, "raw")).toMatchObject({ crowded: 0 })
  })

  it("keeps a deleted version as its holder", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn", { tags: ["raw"] })
    const before = fold(recorder).rows(tags)
    recorder.delete(target)
    recorder.restore(target)
    recorder.delete("churn")
    expect(fold(recorder).rows(tags)).toEqual(before)
  })
})

const names = ["x", "y", "z"] as const
const artifactNames = ["a", "b"] as const

type Step =
  | { readonly do: "save"; readonly of: number; readonly label: number; readonly tags: number }
  | { readonly do: "tag" | "untag"; readonly target: number; readonly tags: number }
  | { readonly do: "define"; readonly tag: number; readonly exclusive: boolean }

/** Bits as members of the list of names. */
const chosen = (bits: number): ReadonlyArray<string> => names.filter((_, bit) => bits & (1 << bit))

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("save"), of: fc.nat(1), label: fc.nat(9), tags: fc.nat(7) } as const),
  fc.record({
    do: fc.constantFrom("tag", "tag", "untag"),
    target: fc.nat(99),
    tags: fc.integer({ min: 1, max: 7 }),
  } as const),
  fc.record({ do: fc.constant("define"), tag: fc.nat(2), exclusive: fc.boolean() } as const),
)

/** What every tag's holders, crowded scopes and clashes are, by sets and by counting. */
class Naive {
  readonly exclusive = new Set<string>()
  readonly #held = new Map<string, Array<TargetRef>>()
  readonly #labels = new Set<string>()

  label({ artifact, version }: VersionTarget): void {
    this.#labels.add(`${artifact.id} ${version.label}`)
  }

  isLabel(artifact: string, label: string): boolean {
    return this.#labels.has(`${artifact} ${label}`)
  }

  untag(target: TargetRef, tag: string): void {
    const id = (target.version ?? target.artifact).id
    const others = (this.#held.get(tag) ?? []).filter(
      (holder) => (holder.version ?? holder.artifact).id !== id,
    )
    this.#held.set(tag, others)
  }

  tag(target: TargetRef, tag: string): void {
    this.untag(target, tag)
    const others = this.#held.get(tag) ?? []
    const stay = others.filter(
      (holder) => !(this.exclusive.has(tag) && scopeOf(holder) === scopeOf(target)),
    )
    this.#held.set(tag, [...stay, target])
  }

  scopes(tag: string): ReadonlyMap<string, ReadonlyArray<number>> {
    const scopes = new Map<string, ReadonlyArray<number>>()
    for (const target of this.#held.get(tag) ?? []) {
      const scope = scopeOf(target)
      const ordinal = (target.version ?? target.artifact).ordinal
      scopes.set(scope, [...(scopes.get(scope) ?? []), ordinal])
    }
    return scopes
  }

  counts(tag: string) {
    const scopes = [...this.scopes(tag)]
    return {
      exclusive: this.exclusive.has(tag),
      crowded: scopes.filter(([, ordinals]) => ordinals.length > 1).length,
      clashes: scopes.filter(([scope]) => this.isLabel(scope, tag)).length,
    }
  }
}

const play = (steps: ReadonlyArray<Step>) => {
  const recorder = new Recorder()
  const naive = new Naive()
  const targets: Array<TargetRef> = []
  const known = new Set<string>()
  const hold = (target: TargetRef, tagged: ReadonlyArray<string>): void => {
    for (const tag of tagged) {
      known.add(tag)
      naive.tag(target, tag)
    }
  }
  const save = (of: number, wanted: number, tagged: ReadonlyArray<string>): void => {
    const name = artifactNames[of] ?? "a"
    const id = targets.find(({ artifact }) => artifact.name === name)?.artifact.id
    const label = names[wanted]
    const free = label !== undefined && (id === undefined || !naive.isLabel(id, label))
    const target = recorder.save(name, { ...(free ? { label } : {}), tags: tagged })
    if (id === undefined) targets.push({ artifact: target.artifact })
    targets.push(target)
    naive.label(target)
    hold(target, tagged)
  }
  for (const action of steps) {
    const target = "target" in action ? targets[action.target % targets.length] : undefined
    const tagged = "tags" in action ? chosen(action.tags) : []
    if (action.do === "save") save(action.of, action.label, tagged)
    else if (action.do === "define") {
      const tag = names[action.tag] ?? "x"
      const exclusive = action.exclusive && naive.counts(tag).crowded === 0
      known.add(tag)
      recorder.defineTag(tag, { exclusive })
      if (exclusive) naive.exclusive.add(tag)
      else naive.exclusive.delete(tag)
    } else if (target !== undefined && action.do === "tag") {
      recorder.tag(target, ...tagged)
      hold(target, tagged)
    } else if (target !== undefined) {
      const removed = tagged.filter((tag) => known.has(tag))
      recorder.untag(target, ...removed)
      for (const tag of removed) naive.untag(target, tag)
    }
  }
  return { recorder, naive, known }
}

describe("the counts of a tag", () => {
  it("are those of plain sets, whatever is tagged, untagged, moved and labelled", () =>
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const { recorder, naive, known } = play(steps)
        const views = fold(recorder)
        const holders = Object.entries(views.rows(tags)).filter(([key]) =>
          key.startsWith('["holders"'),
        )
        const expected = new Map<string, unknown>()
        for (const tag of known) {
          expect(views.view(tags).get(["name", tag])).toMatchObject(naive.counts(tag))
          for (const [scope, ordinals] of naive.scopes(tag)) {
            const sum = ordinals.reduce((total, ordinal) => total + ordinal, 0)
            const key = JSON.stringify(["holders", recorder.tagId(tag), scope])
            expected.set(key, { count: ordinals.length, sum })
          }
        }
        expect(new Map(holders)).toEqual(expected)
        const each = [...expected.values()].reduce<number>((n, row) => n + countOf(row), 0)
        const single = Object.keys(views.rows(tags)).filter((key) => key.startsWith('["holder",'))
        expect(single).toHaveLength(each)
      }),
      { numRuns: 150 },
    ))
})

const countOf = (row: unknown): number => (row as { readonly count: number }).count

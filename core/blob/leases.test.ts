/**
 * Leases: who relies on a name, how often, and until when.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Keeping, keepingIn, Leases, withKeeping } from "./leases.js"

describe("a lease", () => {
  it("holds until everybody has released it", () => {
    const leases = new Leases()
    leases.take("a")
    leases.take("a")
    leases.release("a")
    expect([leases.has("a"), leases.has("b"), leases.size]).toEqual([true, false, 1])
    leases.release("a")
    expect([leases.has("a"), leases.size]).toEqual([false, 0])
  })

  it("is in a note when it was there, or comes, though it ends", () => {
    const leases = new Leases()
    for (const name of ["before", "there"]) leases.take(name)
    leases.release("before")
    const note = leases.note()
    leases.release("there")
    leases.take("came")
    const second = leases.note()
    leases.release("came")
    note.end()
    leases.take("after")
    expect([...note.names]).toEqual(["there", "came"])
    expect([...second.names]).toEqual(["came", "after"])
  })
})

describe("a keeping", () => {
  it("holds names for itself, then for the one around it, then for nobody", () => {
    const leases = new Leases()
    const outer = new Keeping(leases, undefined)
    const inner = new Keeping(leases, outer)
    inner.hold("a")
    inner.end()
    expect(leases.has("a")).toBe(true)
    inner.hold("late")
    inner.end()
    expect(leases.has("late")).toBe(false)
    outer.end()
    expect(leases.size).toBe(0)
  })

  it("leaves what it held to those inside that go on", () => {
    const leases = new Leases()
    const outer = new Keeping(leases, undefined)
    const middle = new Keeping(leases, outer)
    const inner = new Keeping(leases, middle)
    outer.hold("a")
    middle.hold("b")
    middle.end()
    outer.end()
    inner.hold("c")
    expect([inner.of(leases), middle.of(leases), outer.of(leases)]).toEqual([
      inner,
      undefined,
      undefined,
    ])
    expect(["a", "b", "c"].map((name) => leases.has(name))).toEqual([true, true, true])
    inner.end()
    expect(leases.size).toBe(0)
  })

  it("of one store is none of another, whichever is inside", async () => {
    const [one, two] = [new Leases(), new Leases()]
    const hold = (leases: Leases, name: string) =>
      withKeeping(leases, (keeping) => keeping?.hold(name))
    const act = Effect.gen(function* () {
      yield* hold(one, "a")
      yield* hold(two, "b")
      return [one.has("a"), one.has("b"), two.has("a"), two.has("b")]
    })
    const within = (leases: Leases) => keepingIn(leases)(act)
    expect(await Effect.runPromise(within(one))).toEqual([true, false, false, false])
    expect(await Effect.runPromise(keepingIn(two)(within(one)))).toEqual([true, false, false, true])
    expect([one.size, two.size]).toEqual([0, 0])
    expect(await Effect.runPromise(act)).toEqual([false, false, false, false])
  })
})

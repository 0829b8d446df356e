/**
 * Every kind of event decided once more: as it was where all that it needs is there, and otherwise
 * where something is not.
 */
import { describe, expect, it } from "vitest"
import { type CoreRecorded, catalog, fact } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import { everyEvent, Recorder, testId } from "../event/recorder.contract.js"
import { projections } from "../projection/all.js"
import { Draft } from "../view/draft.js"
import { Folding } from "./folding.js"
import { type Redecided, redecide } from "./redecide.js"

const { foldCore } = new Folding(makeCodec(catalog), projections, [])

/** What becomes of each event, where those that are lost never were. */
const redecided = (
  events: ReadonlyArray<Recorded>,
  isLost: (event: Recorded, index: number) => boolean = () => false,
): ReadonlyArray<Redecided | undefined> => {
  const draft = new Draft(() => undefined)
  let position = 0
  return events.map((event, index) => {
    if (isLost(event, index)) return undefined
    const stamp = { position: position + 1, time: event.time }
    const decided = redecide(event as CoreRecorded, draft, stamp)
    if ("refused" in decided) return decided
    position += 1
    const { data, subjects } = decided.fact
    const links = subjects.map((id) => ({ id, previous: 0 }))
    foldCore(draft, { ...event, position, data, subjects: links })
    return decided
  })
}

/** The last of some events, where those before it are lost as told. */
const last = (build: (recorder: Recorder) => void, ...lost: ReadonlyArray<number>) => {
  const recorder = new Recorder()
  build(recorder)
  return redecided(recorder.events, (_, index) => lost.includes(index)).at(-1)
}

describe("an event that lacks nothing", () => {
  const events = everyEvent()
  const decided = redecided(events)

  it.each(events.map((event, index) => ({ ...event, index })))("is what it was: $type", (event) => {
    const { index, type, data } = event
    const subjects = event.subjects.map(({ id }) => id)
    const again = decided[index]
    expect(again).toMatchObject({ fact: { type, data } })
    const about = again !== undefined && "fact" in again ? again.fact.subjects : []
    expect([...new Set(about)]).toEqual(subjects)
    expect(again).not.toHaveProperty("altered")
  })
})

describe("a version", () => {
  it("makes its artifact, with the id that it had, where that is lost", () => {
    const decided = last((recorder) => {
      recorder.save("a", { tags: ["raw"] })
      recorder.save("a", { tags: ["raw"] })
    }, 0)
    expect(decided).toMatchObject({
      fact: {
        data: { created: true, version: { label: "2", ordinal: 1 }, tags: [{ created: true }] },
      },
    })
    expect(decided).not.toHaveProperty("altered")
  })

  it("is kept without inputs that are lost", () => {
    const decided = last((recorder) => {
      const inputs = [recorder.save("x"), recorder.save("y")]
      recorder.save("a", { inputs })
    }, 0)
    expect(decided).toMatchObject({
      fact: { data: { inputs: [{ id: expect.any(String) }] } },
      altered: "of its inputs some are not there",
    })
  })

  it("is left out where its artifact was deleted, and nothing left restored it", () => {
    const decided = last((recorder) => {
      recorder.save("a")
      recorder.delete("a")
      recorder.restore("a")
      recorder.save("a")
    }, 2)
    expect(decided).toEqual({
      refused: "the artifact a is deleted, and its name stays taken: restore it",
    })
  })
})

describe("tags", () => {
  it("whose definition is lost are plain, and that is said", () => {
    const decided = last((recorder) => {
      recorder.defineTag("live", { exclusive: true })
      recorder.save("a", { tags: ["live"] })
    }, 0)
    expect(decided).toMatchObject({ altered: "its tags are not what they were: live" })
    expect(decided).toMatchObject({ fact: { data: { tags: [{ name: "live", created: true }] } } })
  })

  it("move from whoever holds them by then", () => {
    const build = (recorder: Recorder) => {
      recorder.defineTag("live", { exclusive: true })
      const versions = [recorder.save("a"), recorder.save("a"), recorder.save("a")]
      for (const version of versions) recorder.tag(version, "live")
    }
    const from = { version: { label: "1" } }
    expect(last(build, 5)).toMatchObject({
      fact: { data: { tags: [{ name: "live", from }] } },
      altered: "its tags are not what they were: live",
    })
    expect(last(build)).not.toHaveProperty("altered")
  })

  it("are not added, removed or defined where that changes nothing any more", () => {
    const nothing = { refused: "it changes nothing any more" }
    const again = last((recorder) => {
      recorder.save("a", { tags: ["raw"] })
      recorder.untag("a", "raw")
      recorder.tag("a", "raw")
      recorder.untag("a", "raw")
      recorder.tag("a", "raw")
    }, 3)
    expect(again).toEqual(nothing)
    const gone = last((recorder) => {
      recorder.save("a")
      recorder.tag("a", "raw")
      recorder.untag("a", "raw")
    }, 1)
    expect(gone).toEqual(nothing)
    const defined = last((recorder) => {
      recorder.defineTag("raw")
      recorder.defineTag("raw", { exclusive: true })
      recorder.defineTag("raw", { exclusive: false })
    }, 1)
    expect(defined).toEqual(nothing)
  })

  it("do not become exclusive where several hold them by then", () => {
    const decided = last((recorder) => {
      const first = recorder.save("a", { tags: ["raw"] })
      recorder.save("a", { tags: ["raw"] })
      recorder.untag(first, "raw")
      recorder.defineTag("raw", { exclusive: true })
    }, 2)
    expect(decided).toMatchObject({ refused: expect.stringContaining("cannot become exclusive") })
  })
})

describe("metadata", () => {
  it("is logged for what is there, and removed where it is", () => {
    const logged = last((recorder) => {
      const version = recorder.save("a")
      recorder.log(version, { n: 1 })
    }, 0)
    expect(logged).toEqual({ refused: "its version is not there by then" })
    const onArtifact = last((recorder) => {
      recorder.save("a")
      recorder.log("a", { n: 1 })
    }, 0)
    expect(onArtifact).toEqual({ refused: "the artifact a is not there by then" })
    const removed = last((recorder) => {
      recorder.save("a", { metadata: { m: 1 } })
      recorder.log("a", { n: 1 })
      recorder.unlog("a", "n")
    }, 1)
    expect(removed).toEqual({ refused: "it changes nothing any more" })
  })
})

describe("a deletion", () => {
  it("stays one where the deletion of what used it is lost", () => {
    const build = (recorder: Recorder) => {
      const input = recorder.save("a")
      const user = recorder.save("b", { inputs: [input] })
      recorder.delete(user)
      recorder.delete(input)
    }
    const decided = last(build, 2)
    expect(decided).toMatchObject({ fact: { type: "version-deleted" } })
    expect(decided).not.toMatchObject({ fact: { data: { forced: true } } })
  })

  it("of what is deleted, and the restoring of what is not, are left out", () => {
    const twice = last((recorder) => {
      const version = recorder.save("a")
      recorder.delete(version)
      recorder.restore(version)
      recorder.delete(version)
    }, 2)
    expect(twice).toEqual({ refused: "its version is not there by then" })
    const restored = last((recorder) => {
      recorder.save("a")
      recorder.delete("a")
      recorder.restore("a")
    }, 1)
    expect(restored).toEqual({ refused: "it changes nothing any more" })
  })
})

describe("a hold", () => {
  it("stays where its release is lost: what it keeps is not deleted, nor its artifact", () => {
    const build = (target: "a" | "version") => (recorder: Recorder) => {
      const version = recorder.save("a")
      recorder.hold(version)
      recorder.release(version)
      recorder.delete(target === "a" ? "a" : version)
    }
    expect(last(build("version"))).toMatchObject({ fact: { type: "version-deleted" } })
    expect(last(build("version"), 2)).toEqual({
      refused: "version 1 of a is held: release it first",
    })
    expect(last(build("a"), 2)).toEqual({
      refused: "a has versions that are held: release them first",
    })
  })

  it("that is not there is not released, and one of what is not there is left out", () => {
    const build = (recorder: Recorder) => {
      const version = recorder.save("a")
      recorder.hold(version)
      recorder.release(version)
    }
    expect(last(build, 1)).toEqual({ refused: "it changes nothing any more" })
    expect(last(build, 0)).toEqual({ refused: "its version is not there by then" })
  })
})

describe("swept content", () => {
  const swept = (...lost: ReadonlyArray<number>) =>
    last(
      (recorder) => {
        const both = [recorder.save("a"), recorder.save("a")]
        for (const target of both) recorder.delete(target)
        recorder.sweep(...both)
      },
      ...lost,
    )

  it("is that of the versions whose deletion is there, and that is said", () => {
    expect(swept(2)).toMatchObject({
      fact: { data: { versions: [{ version: { label: "2" } }] } },
      altered: "of its versions some are not deleted",
    })
  })

  it("is left out where none is deleted", () => {
    expect(swept(2, 3)).toEqual({ refused: "it changes nothing any more" })
  })
})

describe("an answer that was recorded", () => {
  it("is left out where it is a version that is not there", () => {
    const settled = (result: string | null) => (recorder: Recorder) => {
      recorder.record(fact("request-settled", { command: "save-version", result }, []))
    }
    const refused = { refused: "the version that it answers with is not there" }
    expect(last(settled(testId(7)))).toEqual(refused)
    const there = last((recorder) => {
      const { version } = recorder.save("a")
      settled(version.id)(recorder)
    })
    expect(there).toMatchObject({ fact: { type: "request-settled" } })
  })
})

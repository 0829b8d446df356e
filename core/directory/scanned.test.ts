/**
 * Entries as lines of their directory: in order, counted, and only a few of them at hand.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { emptyManifestDigest, parseManifest } from "../model/tree.js"
import type { Found } from "./found.js"
import { type Entered, entered, isExecutable, stateOf, toPage } from "./scanned.js"
import { parseStates } from "./states.js"

const found: Found = {
  kind: "file",
  device: 1n,
  inode: 2n,
  size: 3,
  mode: 0o644,
  mtime: 1_000_000_000_000_000_000n,
  ctime: 5n,
}

const file = (name: string): Entered => {
  const entry = { kind: "file" as const, size: 3, digest: digestOf(Buffer.from(name)) }
  const entries = [{ ...entry, path: name as RelativePath }]
  return { entry, state: stateOf(name, found, 2e12), count: 1, directories: 0, entries, held: [] }
}

const names = (count: number) =>
  Array.from({ length: count }, (_, at) => String(at).padStart(3, "0"))

describe("some entries", () => {
  it("are lines of both manifests, in the same order, with their totals", () => {
    const page = toPage(names(3).map(file))
    expect([...parseManifest(page.manifest, "")].map(({ path }) => path)).toEqual(names(3))
    expect([...parseStates(page.states)].map(({ name }) => name)).toEqual(names(3))
    expect(page).toMatchObject({ size: 9, count: 3, directories: 0, held: [] })
    expect(page.entries?.map(({ path }) => path)).toEqual(names(3))
  })

  it("are at hand as long as an event has room for them", () => {
    expect(toPage(names(16).map(file)).entries).toHaveLength(16)
    expect(toPage(names(17).map(file)).entries).toBeUndefined()
  })
})

describe("a directory", () => {
  const path = "d" as RelativePath
  const scanned = { digest: emptyManifestDigest, size: 0, count: 0, directories: 0, held: [] }

  it("is an entry itself where it is empty, and otherwise stands for what is in it", () => {
    const empty = entered("d", path, found, { ...scanned, states: undefined, entries: [] })
    expect(empty).toMatchObject({ count: 1, directories: 1, entries: [{ path, size: 0 }] })
    const states = digestOf(Buffer.from("states"))
    const filled = { ...scanned, states, size: 7, count: 2, entries: undefined, directories: 4 }
    const line = entered("d", path, found, filled)
    expect(line).toMatchObject({ count: 2, directories: 5, state: { name: "d", states } })
    expect(line.entry).toMatchObject({ kind: "directory", size: 7 })
  })
})

describe("what is seen of an entry", () => {
  it("says whether it changed within two seconds", () => {
    expect(stateOf("a", found, 1_000_000_001_999)).toMatchObject({ recent: true })
    expect(stateOf("a", found, 1_000_000_002_000)).not.toHaveProperty("recent")
  })

  it("says whether its owner may run it", () => {
    expect([0o644, 0o755, 0o100, 0o011].map((mode) => isExecutable({ mode }))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})

/**
 * What fits a record, at the edge: with the longest context that a call can have, measured by the
 * codec that writes records.
 */
import { describe, expect, it } from "vitest"
import { type CoreEvents, catalog, fact } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { testId } from "../event/recorder.contract.js"
import {
  idempotencyKeyBytesMax,
  metadataBytesMax,
  nameBytesMax,
  pathBytesMax,
  reasonBytesMax,
  recordBytesMax,
  saveInputCountMax,
  saveTagCountMax,
  treeInlineCountMax,
} from "../limits.js"
import { digestOf } from "../model/digest.js"
import { pack } from "../model/msgpack.js"
import { relativePath } from "../model/path.js"
import { fitsRecord } from "./fit.js"

type Saved = CoreEvents["version-saved"]

const codec = makeCodec(catalog)
const long = (bytes: number) => "x".repeat(bytes)
const digest = digestOf(Buffer.from("content"))
const artifact = { id: testId(1), name: long(nameBytesMax), ordinal: Number.MAX_SAFE_INTEGER }
const version = { id: testId(2), label: long(nameBytesMax), ordinal: Number.MAX_SAFE_INTEGER }

const saved = (parts: Partial<Saved>): Saved => ({
  artifact,
  version,
  type: "data-analysis",
  saveType: "preexisting",
  materializer: "text@1",
  content: { digest, size: Number.MAX_SAFE_INTEGER, count: 1 },
  tags: [],
  metadata: {},
  inputs: [],
  ...parts,
})

const inputs = (count: number) =>
  Array.from({ length: count }, (_, nth) => ({
    id: testId(nth + 10),
    artifactId: testId(3),
    as: long(nameBytesMax),
  }))

const tags = (count: number) =>
  Array.from({ length: count }, (_, nth) => ({
    id: testId(nth + 500),
    name: long(nameBytesMax),
    exclusive: true as const,
    from: { artifact, version },
  }))

/** Bytes of the record in the longest context there is. */
const recordBytes = (data: Saved, subjectCount: number): number => {
  const ids = Array.from({ length: subjectCount }, (_, nth) => testId(nth))
  const event = {
    ...fact("version-saved", data, ids),
    position: Number.MAX_SAFE_INTEGER,
    id: testId(9),
    revision: 1,
    time: Number.MAX_SAFE_INTEGER,
    clock: Number.MAX_SAFE_INTEGER,
    actor: long(nameBytesMax),
    correlationId: long(nameBytesMax),
    causationId: long(nameBytesMax),
    reason: long(reasonBytesMax),
    idempotencyKey: long(idempotencyKeyBytesMax),
    request: digest,
    step: 999,
    subjects: ids.map((id) => ({ id, previous: Number.MAX_SAFE_INTEGER })),
  }
  return codec.encode(event).length
}

const fits = (data: Saved, subjectCount: number) =>
  fitsRecord(data, subjectCount, pack(data.metadata).length)

describe("a save that fits", () => {
  it.each<[string, Partial<Saved>, number]>([
    ["many inputs", { inputs: inputs(100) }, 2],
    ["many tags", { tags: tags(saveTagCountMax) }, 2 + 3 * saveTagCountMax],
    ["a small tree", { content: { digest, size: 1, count: 1, entries: [] } }, 2],
  ])("is found to, up to the last bytes beside %s", (_, parts, subjectCount) => {
    const withNote = (bytes: number) => saved({ ...parts, metadata: { note: long(bytes) } })
    let bytes = 0
    for (let step = 32_768; step >= 1; step /= 2)
      if (fits(withNote(bytes + step), subjectCount)) bytes += step
    expect(fits(withNote(bytes + 1), subjectCount)).toBe(false)
    const used = recordBytes(withNote(bytes), subjectCount)
    expect(used).toBeLessThanOrEqual(recordBytesMax)
    // What is given away: a few bytes for each subject, and some around.
    expect(used).toBeGreaterThan(recordBytesMax - 32 - 8 * subjectCount)
  })
})

describe("the bounds of its parts", () => {
  it("are never below what the parts take, so that a sum below the bound is certain", () => {
    const entries = Array.from({ length: treeInlineCountMax }, (_, nth) => ({
      path: relativePath(`${String(nth).padStart(4, "0")}/${"p/".repeat(20)}${long(200)}`),
      kind: "symlink" as const,
      size: pathBytesMax,
      digest,
      executable: true as const,
      target: long(pathBytesMax),
    }))
    const metadata = { note: long(1_000) }
    for (const [parts, subjectCount] of [
      [{ inputs: inputs(120), metadata }, 2],
      [{ tags: tags(40), metadata }, 122],
      [{ content: { digest, size: 1, count: 16, entries }, metadata }, 2],
      [{ inputs: inputs(30), tags: tags(20), metadata }, 62],
    ] as const)
      for (let cut = 0; cut < 8; cut += 1) {
        const data = saved({ ...parts, metadata: { note: long(1_000 * cut) } })
        if (fits(data, subjectCount))
          expect(recordBytes(data, subjectCount)).toBeLessThanOrEqual(recordBytesMax)
      }
  })

  it("leave out what no record can hold", () => {
    const metadata = { note: long(metadataBytesMax) }
    expect(fits(saved({ inputs: inputs(saveInputCountMax), metadata }), 2)).toBe(false)
    expect(fits(saved({ metadata }), 2)).toBe(true)
  })
})

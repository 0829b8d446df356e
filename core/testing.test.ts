/**
 * What the third door hands on, by name: values as they run, types as the compiler sees them. An
 * export that is lost does not compile here.
 */

import type * as d from "daybook/testing"
import * as door from "daybook/testing"
import { describe, expect, expectTypeOf, it } from "vitest"

type Types = [
  d.BlobFailpoint,
  d.BlobOperation,
  d.Envelope,
  d.Extensions,
  d.Files,
  d.FoldedRows,
  d.FreshBlobs,
  d.FreshLog,
  d.LogFailpoint,
  d.MemoryBlobOptions,
  d.MemoryBlobs,
  d.MemoryLogOptions,
  d.MemoryViewOptions,
  d.SaveFacts,
  d.Situation,
  d.ViewFailpoint,
  d.ViewOperation,
  d.ViewStorePlace,
]

const suites = [
  "blobStoreContract",
  "commandContract",
  "eventLogContract",
  "eventTypeContract",
  "materializerContract",
  "projectionContract",
  "viewStoreContract",
]

const tools = [
  "FoldedViews",
  "Given",
  "Recorder",
  "emptyBlobs",
  "everyEvent",
  "filesOf",
  "foldedRows",
  "freshTestId",
  "given",
  "memoryBlobs",
  "memoryBlobsWith",
  "memoryLog",
  "memoryLogWith",
  "memoryViews",
  "memoryViewsWith",
  "roundTrip",
  "testId",
  "timeAt",
]

describe("the door of driver authors", () => {
  it("has a suite for every port and every shape, and what tests begin with", () => {
    expect(Object.keys(door).sort()).toEqual([...suites, ...tools].sort())
    expectTypeOf<Types>().not.toBeAny()
  })
})

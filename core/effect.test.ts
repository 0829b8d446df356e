/**
 * What the second door hands on beside the errors, by name: values as they run, types as the
 * compiler sees them. An export that is lost does not compile here.
 */
import type * as d from "daybook/effect"
import * as door from "daybook/effect"
import type * as Effect from "effect/Effect"
import { describe, expect, expectTypeOf, it } from "vitest"
import type { Tables } from "./view/draft.js"

/** What a driver keeps and is asked for, and what a ledger over it begins with. */
type Driving = [
  d.BlobBytes,
  d.BlobStat,
  d.BlobStoreShape,
  d.ByteRange,
  d.Chunking,
  d.Durability,
  d.Edge,
  d.EventLogShape,
  d.Identity,
  d.KeyRange,
  d.LogRecord,
  d.Place,
  d.RowWrite,
  d.ScanRange,
  d.StoredRow,
  d.Tip,
  d.ViewStoreShape,
  d.WriteSeal,
]

/** What a face is written against, for either door. */
type Facing = [
  d.Archive<"effect">,
  d.Context,
  d.DaybookError,
  d.Door,
  d.ErrorKind,
  d.Failure,
  d.LedgerApi<"effect">,
  d.LedgerOptions,
  d.Many<"effect", number>,
  d.OpenOptions,
  d.Outcome,
  d.ReaderApi<"effect">,
  d.RecoverOptions,
  d.Recovery,
  d.Refusal,
  d.View<"effect", Tables>,
]

const own = [
  "BlobStore",
  "EventLog",
  "Ledger",
  "ViewStore",
  "decodeIdentity",
  "decodeTip",
  "encodeIdentity",
  "encodeTip",
  "firstRecord",
  "layer",
  "layerNoDeps",
  "newIdentity",
  "recover",
]

describe("the door of effects", () => {
  it("has the service, the ports, the layers and what begins a ledger", () => {
    expect(Object.keys(door)).toEqual(expect.arrayContaining(own))
  })

  it("names what a driver and a face are made of", () => {
    expect(door.Ledger).toBeTypeOf("function")
    expectTypeOf<Driving | Facing>().not.toBeAny()
    expectTypeOf<d.Run<"effect", 1, d.LogFailure>>().toEqualTypeOf<Effect.Effect<1, d.LogFailure>>()
    expectTypeOf<d.Place["identity"]>().toEqualTypeOf<d.Identity>()
    expectTypeOf<d.Place["tip"]>().toEqualTypeOf<d.Tip | undefined>()
    expectTypeOf<d.Place["writeSeal"]>().toEqualTypeOf<d.WriteSeal>()
    expectTypeOf<Parameters<d.WriteSeal>>().toEqualTypeOf<[edge: d.Edge]>()
  })
})

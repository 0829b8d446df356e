/**
 * What the door hands on, by name. An export that is lost does not compile here.
 */
import type { Table } from "apache-arrow"
import type { Materializer } from "daybook"
import type * as d from "daybook/parquet"
import * as door from "daybook/parquet"
import { expect, expectTypeOf, it } from "vitest"

it("hands on two materializers, and the types of what they take", () => {
  expect(Object.keys(door).sort()).toEqual(["arrow", "parquet"])
  expectTypeOf<d.Cell>().not.toBeAny()
  expectTypeOf<d.ArrowColumn>().not.toBeAny()
  expectTypeOf<Table>().toExtend<d.ArrowTable>()
  expectTypeOf(door.parquet).toEqualTypeOf<Materializer<ReadonlyArray<object>, Array<d.Row>>>()
})

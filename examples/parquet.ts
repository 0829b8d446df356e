/**
 * Tables as Parquet: a ledger that can keep them so, a table that is, and one that is refused.
 */
import { type Ledger, openLedger } from "daybook"
import { arrow, parquet } from "daybook/parquet"

export const openWithParquet = async (directory: string) => {
  // #region open
  const ledger = await openLedger({
    directory,
    materializers: (builtIn) => [...builtIn, parquet, arrow],
  })
  // #endregion
  return ledger
}

export const flights = async (ledger: Ledger, rows: ReadonlyArray<object>) => {
  // #region save
  const saved = await ledger.save("flights", rows, { materializer: "parquet" })
  const again = await ledger.load(saved)
  // #endregion
  return { saved, again }
}

export const mixed = async (ledger: Ledger) => {
  // #region refuse
  const refused = await ledger
    .save("flights", [{ delay: 5 }, { delay: "late" }], { materializer: "parquet" })
    .catch((error) => error) // InvalidInput: value[1].delay is of kind string …
  // #endregion
  return refused
}

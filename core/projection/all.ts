/**
 * The list of the ledger's projections.
 */
import { artifacts } from "./artifacts.js"
import { lineage } from "./lineage.js"
import { newest } from "./newest.js"
import type { AnyProjection } from "./projection.js"
import { receipts } from "./receipts.js"
import { subjects } from "./subjects.js"
import { tags } from "./tags.js"
import { totals } from "./totals.js"
import { versions } from "./versions.js"

export const projections: ReadonlyArray<AnyProjection> = [
  artifacts,
  versions,
  tags,
  lineage,
  subjects,
  receipts,
  totals,
  newest,
]

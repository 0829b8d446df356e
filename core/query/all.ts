/**
 * The list of the ledger's queries.
 */
import { listArtifacts } from "./artifacts.js"
import { consumers } from "./consumers.js"
import { getArtifact, getVersion } from "./find.js"
import { history, replay } from "./history.js"
import { holds } from "./holds.js"
import { metadataHistory, metadataSeries } from "./metadata.js"
import { planPrune } from "./prune.js"
import { listTags } from "./tags.js"
import { listVersions } from "./versions.js"

export const queries = {
  getVersion,
  getArtifact,
  listArtifacts,
  listVersions,
  listTags,
  history,
  replay,
  metadataHistory,
  metadataSeries,
  consumers,
  holds,
  planPrune,
} as const

/**
 * Lineage downstream: which versions were made from a version. Upstream it lies in the versions.
 *
 * Beside the list there is one row for each input, and one for its artifact, with the consumer that
 * came last: a decision sees from it whether anything changed since a query listed the consumers.
 */
import type { CoreEvents } from "../event/catalog.js"
import type { Rows } from "../view/draft.js"
import { projection } from "./projection.js"

/** The consumer that came last, and the position of its event. */
export type Use = { readonly by: string; readonly position: number }

export type LineageTables = {
  /** [id of an input or of its artifact]: the consumer saved or restored last. */
  readonly used: Use
  /** [input's id, position of the consumer's save]: the consumer's id. */
  readonly consumer: string
  /** The last event that restored an artifact, and with it consumers of anything. */
  readonly restored: number
}

type Inputs = CoreEvents["version-saved"]["inputs"]

const mark = (rows: Rows<LineageTables>, inputs: Inputs, artifactId: string, use: Use): void => {
  for (const input of inputs) {
    rows.put(["used", input.id], use)
    // An artifact whose versions build on each other is not thereby in use by another.
    if (input.artifactId !== artifactId) rows.put(["used", input.artifactId], use)
  }
}

export const lineage = projection<LineageTables>()({
  name: "lineage",
  revision: 1,
  on: {
    "version-saved": (rows, { position, data }) => {
      const { artifact, version, inputs } = data
      mark(rows, inputs, artifact.id, { by: version.id, position })
      for (const { id } of inputs) rows.put(["consumer", id, position], version.id)
    },
    "version-restored": (rows, { position, data }) => {
      const { artifact, version } = data.target
      mark(rows, data.inputs, artifact.id, { by: version.id, position })
    },
    "artifact-restored": (rows, { position }) => rows.put(["restored"], position),
  },
})

/**
 * Events as callers see them: metadata as values, not in the plain form of records.
 */
import { decodeMetadata } from "../model/metadata.js"
import { type CoreRecorded, catalog } from "./catalog.js"
import type { AnyEventType, Recorded } from "./event.js"

const revisions = new Map(catalog.map(({ type, revision }: AnyEventType) => [type, revision]))

/** Any other event as it is. Folds never see this form. */
export const published = (event: Recorded): Recorded => {
  // The data of a newer revision than this program knows has a form that it does not know either.
  if (event.revision > (revisions.get(event.type) ?? 0)) return event
  const known = event as CoreRecorded
  switch (known.type) {
    case "version-saved":
      return { ...event, data: { ...known.data, metadata: decodeMetadata(known.data.metadata) } }
    case "metadata-logged":
      return { ...event, data: { ...known.data, values: decodeMetadata(known.data.values) } }
    default:
      return event
  }
}

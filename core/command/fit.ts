/**
 * Whether a saved version fits a record, whatever the context of its call will add: asked where
 * something can still be left out. In doubt it does not fit.
 *
 * Knows the form of records only by its bounds: the codec packs what is decided here.
 */
import type { CoreEvents } from "../event/catalog.js"
import { encodeContent } from "../event/content.js"
import {
  descriptionBytesMax,
  directoryBytesMax,
  idempotencyKeyBytesMax,
  nameBytesMax,
  pathBytesMax,
  reasonBytesMax,
  recordBytesMax,
} from "../limits.js"
import { packedLength } from "../model/msgpack.js"

type Saved = CoreEvents["version-saved"]

// Around the data stand the actor, the two ids of `with`, the key and the reason, each as long as
// it may be; position, id, type, times and the names of all these take less than 256 bytes.
const envelopeBytesMax = 3 * nameBytesMax + idempotencyKeyBytesMax + reasonBytesMax + 256

/** An id of 26 characters, a position of nine bytes, and what keeps them apart. */
const subjectBytesMax = 40

// What one part of the data can take at most: its texts at their bounds, ids and names of members.
const inputBytesMax = nameBytesMax + 128
const taggingBytesMax = 3 * nameBytesMax + 3 * subjectBytesMax + 256
const entryBytesMax = 2 * pathBytesMax + 256
const linkBytesMax = directoryBytesMax + nameBytesMax + 64
// Names of artifact, label, materializer and producer, and everything of a fixed length.
const restBytesMax = descriptionBytesMax + 6 * nameBytesMax + 1_024

/**
 * Whether an event with this data, about so many ids, fits a record. `metadataBytes` is the packed
 * size of the metadata, which is known: for a save of ordinary size a sum of bounds is enough.
 */
export const fitsRecord = (data: Saved, subjectCount: number, metadataBytes: number): boolean => {
  const { inputs, tags, content } = data
  const bound =
    metadataBytes +
    inputs.length * inputBytesMax +
    tags.length * taggingBytesMax +
    (content.entries?.length ?? 0) * entryBytesMax +
    (content.link === undefined ? 0 : linkBytesMax) +
    restBytesMax
  const around = envelopeBytesMax + subjectCount * subjectBytesMax
  if (bound + around <= recordBytesMax) return true
  return packedLength(encodeContent(data)) + around <= recordBytesMax
}

/**
 * Putting content while somebody is told how far it has come.
 *
 * Knows nothing of what the content is, nor how much of it there will be beyond what it is told.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import type { Failure, Refusal } from "../errors.js"
import type { SaveOptions } from "./call-options.js"
import { calling } from "./foreign.js"

/** Content at once, or as it comes. */
export type Source = Uint8Array | Stream.Stream<Uint8Array, Refusal | Failure>

/** Told how many bytes were taken in. */
export type Tell = (bytes: number) => Effect.Effect<void, Refusal | Failure>

/** Tells of content of these sizes, where somebody wants to know. */
export const telling = (
  sizes: ReadonlyArray<number | undefined>,
  onProgress: SaveOptions["onProgress"],
): Tell | undefined => {
  if (onProgress === undefined) return undefined
  let done = 0
  const known = sizes.includes(undefined)
    ? {}
    : { total: sizes.reduce<number>((a, b = 0) => a + b, 0) }
  return (bytes) =>
    calling(() => {
      done += bytes
      onProgress({ done, ...known })
    })
}

export const putSource = (blobs: BlobStoreShape, source: Source, tell: Tell | undefined) => {
  if (tell === undefined) return blobs.put<Refusal | Failure>(source)
  if (!(source instanceof Uint8Array))
    return blobs.put<Refusal | Failure>(Stream.tap(source, ({ length }) => tell(length)))
  return Effect.tap(blobs.put<Refusal | Failure>(source), () => tell(source.length))
}

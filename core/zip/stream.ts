/**
 * An archive as bytes: a layout, an opener of content and a range in, a stream out.
 *
 * Pull-based and of constant memory: small parts leave joined, their contents read side by side;
 * large ones pass through as they come. Knows nothing about formats: it sends what the layout says,
 * and fails where the opener gives more or less than promised. Whether content is intact, the
 * opener checks.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ByteRange } from "../blob/blob-store.js"
import type { Digest } from "../model/digest.js"
import type { ZipContent, ZipGap, ZipLayout, ZipSegment } from "./layout.js"

/** The reading verbs of the blob port; one for files left in place has errors of its own. */
export interface ContentOpener<E> {
  readonly read: (digest: Digest, range?: ByteRange) => Stream.Stream<Uint8Array, E>
  readonly readDeflated: (digest: Digest, range?: ByteRange) => Stream.Stream<Uint8Array, E>
}

// Contents read side by side. Node reads files on four threads; a few more hide the latency of
// handing them over.
const openCountMax = 16

const openContent = <E>(
  { digest, form, range }: ZipContent,
  opener: ContentOpener<E>,
): Stream.Stream<Uint8Array, E> =>
  form === "raw" ? opener.read(digest, range) : opener.readDeflated(digest, range)

// All that follows would lie at a wrong offset: what was sent must not pass for an archive.
const lengthBroken = ({ digest, length }: ZipContent, given: "more" | "fewer"): Error =>
  new Error(`the content ${digest} gave ${given} than the ${length} bytes laid out for it`)

const fillGap = <E>({ bytes, content }: ZipGap, opener: ContentOpener<E>): Effect.Effect<void, E> =>
  Stream.runFold(
    openContent(content, opener),
    () => 0,
    (filled, piece) => {
      if (filled + piece.length > bytes.length) throw lengthBroken(content, "more")
      bytes.set(piece, filled)
      return filled + piece.length
    },
  ).pipe(
    Effect.flatMap((filled) =>
      filled < bytes.length ? Effect.die(lengthBroken(content, "fewer")) : Effect.void,
    ),
  )

/** Passes a large content on as it comes. */
const passOn = <E>(content: ZipContent, opener: ContentOpener<E>): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let left = content.length
    const counted = Stream.map(openContent(content, opener), (piece) => {
      left -= piece.length
      if (left < 0) throw lengthBroken(content, "more")
      return piece
    })
    const check = Stream.suspend(() =>
      left > 0 ? Stream.die(lengthBroken(content, "fewer")) : Stream.empty,
    )
    return Stream.concat(counted, check)
  })

const sendSegment = <E>(
  segment: ZipSegment,
  opener: ContentOpener<E>,
): Stream.Stream<Uint8Array, E> => {
  if (segment.kind === "content") return passOn(segment.content, opener)
  const fill = Effect.forEach(segment.gaps, (gap) => fillGap(gap, opener), {
    concurrency: openCountMax,
    discard: true,
  })
  return Stream.fromEffect(Effect.as(fill, segment.bytes))
}

/**
 * The bytes of an archive, or of a half-open range of it, clamped to its size. Fails with what the
 * opener fails with, and dies when a content is not as long as laid out: it never ends early.
 */
export const zipStream = <E>(
  layout: ZipLayout,
  opener: ContentOpener<E>,
  range: ByteRange = { start: 0, end: layout.size },
): Stream.Stream<Uint8Array, E> => {
  const end = Math.min(range.end, layout.size)
  return Stream.unfold(Math.max(range.start, 0), (at) =>
    Effect.sync(() => {
      if (at >= end) return undefined
      const segment = layout.segment(at, end)
      return [segment, segment.end] as const
    }),
  ).pipe(Stream.flatMap((segment) => sendSegment(segment, opener)))
}

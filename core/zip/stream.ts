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
import type { ZipContent, ZipLayout, ZipPart, ZipSegment } from "./layout.js"

/** Whoever gives the contents of an archive; one for files left in place has errors of its own. */
export interface ContentOpener<E> {
  readonly read: (content: ZipContent) => Stream.Stream<Uint8Array, E>
  readonly readInto: (parts: ReadonlyArray<ZipPart>) => Effect.Effect<void, E>
}

// All that follows would lie at a wrong offset: what was sent must not pass for an archive.
const lengthBroken = ({ digest, length }: ZipContent, given: "more" | "fewer"): Error =>
  new Error(`the content ${digest} gave ${given} than the ${length} bytes laid out for it`)

/** Passes a large content on as it comes. */
const passOn = <E>(content: ZipContent, opener: ContentOpener<E>): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let left = content.length
    const counted = Stream.map(opener.read(content), (piece) => {
      left -= piece.length
      if (left < 0) throw lengthBroken(content, "more")
      return piece
    })
    const check = Stream.suspend(() =>
      left > 0 ? Stream.die(lengthBroken(content, "fewer")) : Stream.empty,
    )
    return Stream.concat(counted, check)
  })

/** A stretch as it leaves; where it is joined of many contents, with all of them read. */
const prepared = <E>(
  segment: ZipSegment,
  opener: ContentOpener<E>,
): Effect.Effect<Stream.Stream<Uint8Array, E>, E> => {
  if (segment.kind === "content") return Effect.succeed(passOn(segment.content, opener))
  const fill = segment.gaps.length === 0 ? Effect.void : opener.readInto(segment.gaps)
  return Effect.as(fill, Stream.succeed(segment.bytes))
}

// What leaves first should be there soon; from then on, each trip to the disk brings more.
const firstRoom = 65_536
const room = 524_288
// While one stretch is sent, the next one is read.
const aheadCount = 2

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
  const from = (start: number) =>
    Stream.unfold(start, (at) =>
      Effect.sync(() => {
        if (at >= end) return undefined
        const segment = layout.segment(at, end, room)
        return [segment, segment.end] as const
      }),
    ).pipe(
      Stream.mapEffect((segment) => prepared(segment, opener), { concurrency: aheadCount }),
      Stream.flatten,
    )
  return Stream.suspend(() => {
    const start = Math.max(range.start, 0)
    if (start >= end) return Stream.empty
    const first = layout.segment(start, end, firstRoom)
    // By itself: reading ahead at once would hold it up.
    return Stream.concat(Stream.unwrap(prepared(first, opener)), from(first.end))
  })
}

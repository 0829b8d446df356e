/**
 * The chunks of a stream, one by one, and the stream closed as soon as nobody wants more of them:
 * also while it waits for something itself, where its own iterator would only hear of it when that
 * has come. So an upload that hangs is let go when its save is aborted.
 *
 * Knows nothing of what is in the chunks.
 */

/** How a stream is read, and let go before its end. */
interface Reading {
  readonly next: () => Promise<IteratorResult<unknown, unknown>>
  readonly close: () => Promise<unknown>
}

/** By its reader, since only that can cancel what is being read. */
const webReading = (stream: ReadableStream<unknown>): Reading => {
  const reader = stream.getReader()
  const next = async (): Promise<IteratorResult<unknown, unknown>> => {
    try {
      const read = await reader.read()
      if (read.done) reader.releaseLock()
      return read
    } catch (cause) {
      reader.releaseLock()
      throw cause
    }
  }
  return { next, close: () => reader.cancel() }
}

/** One whose iterator waits for the next chunk before it closes anything. */
const isNodeStream = (stream: object): stream is { readonly destroy: () => unknown } =>
  ["pipe", "destroy"].every((name) => typeof Reflect.get(stream, name) === "function")

const iteratorReading = (stream: AsyncIterable<unknown>): Reading => {
  const iterator = stream[Symbol.asyncIterator]()
  const close = async (): Promise<unknown> =>
    isNodeStream(stream) ? stream.destroy() : await iterator.return?.()
  return { next: () => iterator.next(), close }
}

/** What `see` makes of each chunk, given its number; what it throws ends the stream. */
export const chunksOf = <A>(
  stream: AsyncIterable<unknown>,
  see: (chunk: unknown, index: number) => A,
): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => {
    let reading: Reading | undefined
    let index = 0
    const begin = () =>
      stream instanceof ReadableStream ? webReading(stream) : iteratorReading(stream)
    // Whoever ends it has a reason of his own: how closing goes is no answer to it.
    const end = async (): Promise<IteratorResult<A, undefined>> => {
      await reading?.close().catch(() => undefined)
      return { done: true, value: undefined }
    }
    const next = async (): Promise<IteratorResult<A, undefined>> => {
      reading ??= begin()
      const { done, value } = await reading.next()
      if (done === true) return { done, value: undefined }
      try {
        const seen = see(value, index)
        index += 1
        return { done: false, value: seen }
      } catch (cause) {
        await end()
        throw cause
      }
    }
    return { next, return: end }
  },
})

/**
 * Deflating beside the event loop: chunks of one turn go to a thread together.
 *
 * A small chunk costs less than the way there, and the first ones of a quiet ledger less than a
 * thread. Does not know what becomes of the chunks.
 */
import * as Effect from "effect/Effect"
import { threads } from "../thread/threads.js"
import { type StoredForm, storedForm } from "./deflate.js"
import { deflateWork } from "./deflate-work.js"
import { isNoise } from "./noise.js"

// Below this, deflating takes about as long as the way to a thread and back.
const hereBytesMax = 4_096
// While there are no threads: what deflates in half a millisecond, or in one where it comes alone.
const aloneBytesMax = 32_768
const beginBytesMax = 65_536
// One group: about four milliseconds on a thread.
const groupBytesMax = 262_144

/** Whether so many bytes are hashed and deflated on the thread that asks. */
export const isDoneHere = (size: number): boolean =>
  size <= (threads.readyCount === 0 ? beginBytesMax : hereBytesMax)

interface Waiting {
  readonly raw: Uint8Array
  readonly resolve: (form: StoredForm) => void
  readonly reject: (cause: unknown) => void
}

let group: Array<Waiting> = []
let groupBytes = 0

const settle = async (all: ReadonlyArray<Waiting>, size: number): Promise<void> => {
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const { raw } of all) {
    bytes.set(raw, at)
    at += raw.length
  }
  const sizes = all.map(({ raw }) => raw.length)
  const answer = await threads.ask(deflateWork, { bytes, sizes }, { transfer: [bytes.buffer] })
  let end = 0
  for (const [index, { form, storedSize }] of answer.forms.entries()) {
    const one = all[index]
    if (form === "deflate") end += storedSize
    const stored = form === "raw" ? one?.raw : answer.bytes.subarray(end - storedSize, end)
    if (stored !== undefined) one?.resolve({ form, stored })
  }
}

const flush = (): void => {
  const all = group
  const size = groupBytes
  group = []
  groupBytes = 0
  if (all.length === 0) return
  if (isDoneHere(size)) {
    for (const { raw, resolve } of all) resolve(storedForm(raw))
    return
  }
  settle(all, size).catch((cause: unknown) => {
    for (const { reject } of all) reject(cause)
  })
}

const enter = (waiting: Waiting): void => {
  if (group.length === 0) setImmediate(flush)
  group.push(waiting)
  groupBytes += waiting.raw.length
  if (groupBytes >= groupBytesMax) flush()
}

/** The form in which a chunk is kept, where that is found at once: undefined for a larger one. */
export const storedFormNow = (raw: Uint8Array): StoredForm | undefined => {
  const bytesMax = threads.readyCount === 0 ? aloneBytesMax : hereBytesMax
  if (raw.length <= bytesMax) return storedForm(raw)
  return isNoise(raw) ? { form: "raw", stored: raw } : undefined
}

/** The form in which a chunk is kept. The chunk must not change meanwhile. */
export const storedFormOf = (raw: Uint8Array): Effect.Effect<StoredForm> =>
  Effect.suspend(() => {
    const now = storedFormNow(raw)
    if (now !== undefined) return Effect.succeed(now)
    return Effect.promise(
      () => new Promise<StoredForm>((resolve, reject) => enter({ raw, resolve, reject })),
    )
  })

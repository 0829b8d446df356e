/**
 * Deflating beside the event loop: the same forms whoever makes them, many at once, and small
 * chunks and noise at once.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { threads } from "../thread/threads.js"
import { storedForm } from "./deflate.js"
import { storedFormNow, storedFormOf } from "./deflating.js"
import { expectBytes, noise, prose } from "./samples.contract.js"

const all = (chunks: ReadonlyArray<Uint8Array>) =>
  Effect.runPromise(
    Effect.forEach(chunks, (chunk) => storedFormOf(chunk), { concurrency: "unbounded" }),
  )

const expectSame = async (chunks: ReadonlyArray<Uint8Array>) => {
  const forms = await all(chunks)
  for (const [at, chunk] of chunks.entries()) {
    const expected = storedForm(chunk)
    expect(forms[at]?.form).toBe(expected.form)
    expectBytes(forms[at]?.stored ?? new Uint8Array(0), expected.stored)
  }
}

describe("a chunk", () => {
  it("is made ready at once where it is small, or noise", async () => {
    const small = prose(4_096, 1)
    const raw = noise(200_000, 1)
    await threads.close()
    expect(storedFormNow(small)).toEqual(storedForm(small))
    expect(storedFormNow(raw)?.stored).toBe(raw)
    expect(storedFormNow(prose(32_768, 1))?.form).toBe("deflate")
    expect(storedFormNow(prose(32_769, 1))).toBeUndefined()
    await all([prose(90_000, 1)])
    expect(threads.readyCount).toBeGreaterThan(0)
    expect(storedFormNow(small)).toEqual(storedForm(small))
    expect(storedFormNow(raw)?.stored).toBe(raw)
    expect(storedFormNow(prose(4_097, 1))).toBeUndefined()
  })

  it("is made ready here as long as there are no threads", async () => {
    await threads.close()
    await expectSame([prose(60_000, 2)])
    expect(threads.readyCount).toBe(0)
  })

  it("is made ready by threads where there are many of them", async () => {
    const chunks = Array.from({ length: 40 }, (_, at) => prose(5_000 + 3_000 * at, at))
    await expectSame([...chunks, noise(50_000, 3)])
    expect(threads.readyCount).toBeGreaterThan(0)
    await expectSame([prose(20_000, 4)])
  })
})

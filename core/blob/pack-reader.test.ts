/**
 * Reading frames: whole or not at all, few trips for many, and no handle left behind.
 */
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { afterEach, describe, expect, it, vi } from "vitest"
import { threads } from "../thread/threads.js"
import { encodeFrame, type Frame, frameHeaderBytes } from "./frame.js"
import type { Place } from "./index-row.js"
import { packHeader, packHeaderBytes } from "./pack.js"
import { packPath } from "./pack-files.js"
import { openPackReader } from "./pack-reader.js"
import { diskError, fileHandles, frameOf, openFiles, temporaryDirectory } from "./packs.contract.js"
import { expectBytes, noise } from "./samples.contract.js"
import { stretchWork } from "./stretch-work.js"

const directory = temporaryDirectory()

afterEach(() => vi.restoreAllMocks())

/** Writes a pack; gives the places of its frames. */
const write = (pack: number, frames: ReadonlyArray<Frame>): ReadonlyArray<Place> => {
  writeFileSync(
    packPath(directory(), pack),
    Buffer.concat([packHeader(), ...frames.map(encodeFrame)]),
  )
  let offset = packHeaderBytes
  return frames.map(({ storedSize }) => {
    const place = { pack, offset, storedSize }
    offset += frameHeaderBytes + storedSize
    return place
  })
}

const frames = Array.from({ length: 40 }, (_, index) => frameOf(noise(5_000 + index, index)))

describe("frames", () => {
  it("come in the order asked, from several packs, side by side or not", async () => {
    const one = write(1, frames)
    const two = write(2, frames)
    const reader = openPackReader(directory())
    const asked = [one[3], one[4], one[5], two[0], one[6], two[39], one[3]]
    const found = await reader.frames(asked.filter((place) => place !== undefined))
    const expected = [3, 4, 5, 0, 6, 39, 3].map((at) => frames[at])
    expect(found.map((frame) => frame?.digest)).toEqual(expected.map((frame) => frame?.digest))
    for (const [at, frame] of found.entries())
      expectBytes(frame?.stored ?? noise(1, 1), expected[at]?.stored ?? noise(2, 2))
    expect(await reader.frames([])).toEqual([])
    await reader.close()
  })

  it("side by side take one trip, one after the other few", async () => {
    const places = write(1, frames)
    const handles = await fileHandles(directory())
    const read = vi.spyOn(handles, "read")
    const reader = openPackReader(directory())
    await reader.frames(places)
    // The second one finds the end of the file.
    expect(read.mock.calls.length).toBeLessThanOrEqual(2)
    await reader.close()
    read.mockClear()
    const again = openPackReader(directory())
    for (const place of places) expect(await again.frames([place])).not.toContain(undefined)
    expect(read.mock.calls.length).toBeLessThanOrEqual(4)
    await again.close()
  })

  it("are read alone where nobody reads on", async () => {
    const places = write(1, frames)
    const handles = await fileHandles(directory())
    const read = vi.spyOn(handles, "read")
    const reader = openPackReader(directory())
    for (const at of [30, 10, 20, 5]) {
      const place = places[at]
      if (place !== undefined) await reader.frames([place])
      const last = await read.mock.results.at(-1)?.value
      expect(last?.bytesRead).toBe(frameHeaderBytes + 5_000 + at)
    }
    await reader.close()
  })

  it("come right when many are asked for at once", async () => {
    const places = write(1, frames)
    const reader = openPackReader(directory())
    const turns = Array.from({ length: 200 }, (_, turn) => (turn * 7) % 40)
    const found = await Promise.all(
      turns.map(async (at) => (await reader.frames(places.slice(at, at + 1)))[0]?.digest),
    )
    expect(found).toEqual(turns.map((at) => frames[at]?.digest))
    await reader.close()
  })

  it("that a pack got since it was read ahead are seen", async () => {
    const [first] = write(1, frames.slice(0, 1))
    const reader = openPackReader(directory())
    if (first === undefined) throw new Error("a place was expected")
    await reader.frames([first])
    const [, second] = frames
    if (second === undefined) throw new Error("a frame was expected")
    appendFileSync(packPath(directory(), 1), encodeFrame(second))
    const offset = first.offset + frameHeaderBytes + first.storedSize
    const [found] = await reader.frames([{ pack: 1, offset, storedSize: second.storedSize }])
    expect(found?.digest).toBe(second.digest)
    await reader.close()
  })

  it("may be written into without harm to the next reader", async () => {
    const places = write(1, frames.slice(0, 3))
    const reader = openPackReader(directory())
    for (let turn = 0; turn < 3; turn += 1)
      for (const place of places) {
        const [found] = await reader.frames([place])
        expect(found).toBeDefined()
        found?.stored.fill(0)
      }
    await reader.close()
  })
})

describe("what is not there", () => {
  it("is undefined, frame by frame: cut short, elsewhere, or without its pack", async () => {
    const [one, two] = write(1, frames.slice(0, 2))
    if (one === undefined || two === undefined) throw new Error("two places were expected")
    truncateSync(packPath(directory(), 1), two.offset + 100)
    const reader = openPackReader(directory())
    const asked = [
      one,
      two,
      { ...one, offset: one.offset + 1 },
      { ...one, storedSize: 10 },
      { ...one, offset: 1e9 },
      { ...one, pack: 9 },
    ]
    const found = await reader.frames(asked)
    expect(found.map((frame) => frame?.digest)).toEqual([
      frames[0]?.digest,
      ...Array.from({ length: 5 }),
    ])
    // A pack that comes back is found.
    const [back] = write(9, frames.slice(5, 6))
    if (back !== undefined) expect((await reader.frames([back]))[0]?.digest).toBe(frames[5]?.digest)
    await reader.close()
  })

  it("differs from what the disk refuses", async () => {
    const places = write(1, frames.slice(0, 2))
    const handles = await fileHandles(directory())
    const reader = openPackReader(directory())
    vi.spyOn(handles, "read").mockRejectedValueOnce(diskError("EIO"))
    await expect(reader.frames(places)).rejects.toMatchObject({ code: "EIO" })
    expect(await reader.frames(places)).not.toContain(undefined)
    await reader.close()
    expect(openFiles(directory())).toEqual([])
  })
})

describe("handles", () => {
  it("are few, however many packs are read, and closed at the end", async () => {
    const places = Array.from({ length: 40 }, (_, pack) => write(pack + 1, frames.slice(pack)))
    const reader = openPackReader(directory())
    await Promise.all(places.map((some) => reader.frames(some.slice(0, 2))))
    for (const some of places) await reader.frames(some.slice(-1))
    expect(openFiles(directory()).length).toBeLessThanOrEqual(16)
    await reader.drop(40)
    await reader.drop(40)
    await reader.close()
    expect(openFiles(directory())).toEqual([])
  })

  it("of a pack that is dropped are closed behind the reads that use them", async () => {
    const places = write(1, frames)
    const reader = openPackReader(directory())
    const reading = reader.frames(places)
    await reader.drop(1)
    expect(await reading).not.toContain(undefined)
    expect(openFiles(directory())).toEqual([])
    await reader.close()
  })

  it("are not opened again once the reader is closed, which waits for its reads", async () => {
    const places = write(1, frames)
    const reader = openPackReader(directory())
    const reading = reader.frames(places)
    await reader.close()
    expect(openFiles(directory())).toEqual([])
    expect(await reading).not.toContain(undefined)
    await expect(reader.frames(places)).rejects.toMatchObject({ reason: "stopped" })
    expect(openFiles(directory())).toEqual([])
  })
})

describe("many bytes at once", () => {
  const large = Array.from({ length: 9 }, (_, index) => frameOf(noise(60_000 + index, index)))

  const begin = async (wants: boolean): Promise<void> => {
    await threads.close()
    const job = { descriptor: -1, offset: 0, length: 0, parts: new Uint32Array(0) }
    if (wants) await threads.ask(stretchWork, job)
    expect(threads.readyCount > 0).toBe(wants)
  }

  it.each([
    ["by a thread", true],
    ["here, while there is none", false],
  ])("are read %s: what is whole comes, what is not does not", async (_, wants) => {
    const places = write(1, large)
    const path = packPath(directory(), 1)
    const bytes = readFileSync(path)
    const damaged = (places[3]?.offset ?? 0) + frameHeaderBytes + 7
    bytes[damaged] = (bytes[damaged] ?? 0) ^ 1
    writeFileSync(path, bytes)
    truncateSync(path, statSync(path).size - 1)
    await begin(wants)
    const reader = openPackReader(directory())
    const ask = vi.spyOn(threads, "ask")
    const found = await reader.frames([...places].reverse())
    expect(ask).toHaveBeenCalledTimes(wants ? 1 : 0)
    for (const [at, frame] of found.toReversed().entries()) {
      if (at === 3 || at === 8) expect(frame).toBeUndefined()
      else expectBytes(frame?.stored ?? noise(1, 1), large[at]?.stored ?? noise(2, 2))
    }
    expect(await reader.frames(places.map((place) => ({ ...place, pack: 2 })))).toEqual(
      places.map(() => undefined),
    )
    await reader.close()
    expect(openFiles(directory())).toEqual([])
  })
})

/**
 * Directories that are kept open: the right ones, not too many, and none in the end.
 */
import { describe, expect, it } from "vitest"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { NearDirectories } from "./near.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()

describe("directories that are needed again", () => {
  it("are found by the paths of what lies in them, and few stay open", async () => {
    const paths = Array.from({ length: 200 }, (_, at) => `d${at % 50}/e/${at}.txt`)
    write(directory(), { top: "t", ...Object.fromEntries(paths.map((path) => [path, path])) })
    const before = await openFileCount()
    const near = new NearDirectories(await openDirectory(directory()))
    const sizes = paths.map((path) =>
      near.use(path, async (opened, name) => (await opened.look(name))?.size),
    )
    expect(await Promise.all(sizes)).toEqual(paths.map(({ length }) => length))
    expect(await near.use("top", async (opened, name) => (await opened.look(name))?.size)).toBe(1)
    expect(await openFileCount()).toBeLessThan(before + 40)
    await near.close()
    expect(await openFileCount()).toBe(before)
  })

  it("fail each time where they are gone", async () => {
    const near = new NearDirectories(await openDirectory(directory()))
    for (let time = 0; time < 2; time += 1)
      await expect(near.use("gone/a", async () => 1)).rejects.toMatchObject({
        _tag: "ContentDrifted",
      })
    await near.close()
  })
})

/**
 * The contract itself, on a materializer as a caller would write it: it passes a sound one and its
 * parts catch a lossy one.
 */
import { describe, expect, it } from "vitest"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"
import type { Materializer } from "./materializer.js"

class Point {
  readonly x: number
  readonly y: number
  constructor(x: number, y: number) {
    this.x = x
    this.y = y
  }
}

const points: Materializer<Point, Point> = {
  name: "point",
  revision: 2,
  accepts: (value) => value instanceof Point,
  save: ({ x, y }, out) => out.write("point.txt", `${x} ${y}`),
  load: async (files) => {
    const [x, y] = (await files.text("point.txt")).split(" ").map(Number)
    return new Point(x ?? Number.NaN, y ?? Number.NaN)
  },
  readers: { 1: () => new Point(0, 0) },
}

materializerContract(points, () => [new Point(1, 2), new Point(-0.5, 1e300)])

describe("the parts of the contract", () => {
  it("give back what a lossy materializer makes of a value", async () => {
    const lossy = {
      ...points,
      save: (_: Point, out: Parameters<typeof points.save>[1]) => out.write("point.txt", "0 0"),
    }
    expect(await roundTrip(lossy, new Point(1, 2))).toEqual(new Point(0, 0))
  })

  it.each([
    ["/absolute", "/absolute is absolute"],
    ["../up", "has the component .."],
    ["", "is empty"],
  ])("refuse the path %j", async (path, reason) => {
    const save: typeof points.save = (_, out) => out.write(path, "")
    await expect(savedFiles({ save }, new Point(1, 2))).rejects.toThrow(reason)
  })

  it("refuse a path that is written twice", async () => {
    const save: typeof points.save = (_, out) => {
      out.write("a", "")
      out.write("a", "")
    }
    await expect(savedFiles({ save }, new Point(1, 2))).rejects.toThrow("is written twice")
  })

  it("hand out files sorted, whole and in pieces, as copies", async () => {
    const files = filesOf({ "b/é": "12345", a: Uint8Array.of(1) }, 2)
    expect(files.paths).toEqual(["a", "b/é"])
    ;(await files.bytes("a")).fill(9)
    expect([...(await files.bytes("a"))]).toEqual([1])
    const lengths: Array<number> = []
    for await (const piece of files.stream("b/é")) lengths.push(piece.length)
    expect(lengths).toEqual([2, 2, 1])
    await expect(files.text("c")).rejects.toThrow("there is no file c")
  })
})

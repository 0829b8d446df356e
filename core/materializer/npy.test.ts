/**
 * The npy codec against files that NumPy wrote.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { arrayDimensionCountMax } from "../limits.js"
import { npyHeader, parseNpy } from "./npy.js"

const decoded = (base64: string): Uint8Array => Buffer.from(base64, "base64")

// numpy.save of [[1.5, -2, 3.25], [0, 1e10, -0.5]] as <f4, NumPy 2.4.
const matrix = decoded(
  "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9" +
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwAAA" +
    "UEAAAAAA+QIVUAAAAL8=",
)
// numpy.lib.format.write_array of [1, 2] as <i2, version (2, 0).
const second = decoded(
  "k05VTVBZAgB0AAAAeydkZXNjcic6ICc8aTInLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9" +
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAIA",
)

/** A file with this literal as its header, as another program may write it. */
const foreign = (literal: string, version = 1): Uint8Array => {
  const lead = [0x93, ...Buffer.from("NUMPY"), version, 0]
  const length = Buffer.from(literal, "latin1").length
  const size = version === 1 ? [length & 255, length >> 8] : [length & 255, length >> 8, 0, 0]
  return Buffer.concat([Uint8Array.from([...lead, ...size]), Buffer.from(literal, "latin1")])
}

const fortran = (order: string, shape: string): string =>
  `{'descr': '<f8', 'fortran_order': ${order}, 'shape': ${shape}, }`

describe("writing", () => {
  it("gives the very bytes that NumPy writes before the data", () => {
    expect(Buffer.from(npyHeader("<f4", [2, 3]))).toEqual(Buffer.from(matrix.subarray(0, 128)))
  })

  it("lets the data begin at a multiple of 64 bytes, whatever the shape", () => {
    for (let count = 0; count <= arrayDimensionCountMax; count += 1) {
      const shape = Array.from({ length: count }, () => Number.MAX_SAFE_INTEGER)
      const header = npyHeader("<f8", shape)
      expect(header.length % 64).toBe(0)
      expect(parseNpy(header)).toEqual({ descr: "<f8", shape, offset: header.length })
    }
  })
})

describe("reading", () => {
  it("reads versions 1.0 and 2.0", () => {
    expect(parseNpy(matrix)).toEqual({ descr: "<f4", shape: [2, 3], offset: 128 })
    expect(parseNpy(second)).toEqual({ descr: "<i2", shape: [2], offset: 128 })
  })

  it("does not depend on the order of fields or the kind of quotes", () => {
    const file = foreign(`{"shape": (4, 1), "fortran_order": False, "descr": "|u1"}\n`, 2)
    expect(parseNpy(file)).toEqual({ descr: "|u1", shape: [4, 1], offset: file.length })
  })

  it("reads one dimension in either order, since they are the same", () => {
    expect(parseNpy(foreign(fortran("True", "(5,)")))).toMatchObject({ shape: [5] })
  })

  it.each([
    ["no magic", Buffer.from("PK\u0003\u0004 something else entirely"), /begin as an npy file/],
    ["too short", matrix.subarray(0, 9), /begin as an npy file/],
    ["a cut header", matrix.subarray(0, 100), /ends within its header/],
    ["a newer version", foreign(fortran("False", "(1,)"), 3), /version 3\.0/],
    ["Fortran order", foreign(fortran("True", "(2, 3)")), /Fortran order/],
    ["big-endian data", foreign("{'descr': '>i4', 'fortran_order': False, 'shape': (2,)}"), /big/],
    ["fields", foreign("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': ()}"), /descr/],
    ["no shape", foreign("{'descr': '<i4', 'fortran_order': False, }"), /without a plain/],
    ["a negative shape", foreign(fortran("False", "(-1,)")), /without a plain/],
    ["a huge dimension", foreign(fortran("False", "(99999999999999999999,)")), /without a plain/],
  ])("says why it refuses %s", (_, file, reason) => {
    expect(parseNpy(file)).toMatch(reason)
  })

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.nat(140), fc.nat(255), fc.nat(152), (at, byte, length) => {
        const damaged = Uint8Array.from(matrix)
        damaged[at] = byte
        expect(() => parseNpy(damaged.subarray(0, length))).not.toThrow()
      }),
      { numRuns: 300 },
    )
  })
})

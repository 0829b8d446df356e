/**
 * The npy format of NumPy, versions 1.0 and 2.0 (NEP 1; `numpy.lib.format`).
 *
 * Magic, version, header length, then a Python literal padded so that the data begins at a multiple
 * of 64 bytes. Writes C order only. Knows nothing about typed arrays: data is bytes.
 */

const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)
const alignment = 64

/** As Python writes a tuple: one dimension keeps its comma. */
const tuple = (shape: ReadonlyArray<number>): string =>
  shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`

/** The bytes before the data, for elements of type `descr` (such as `<f4`) in C order. */
export const npyHeader = (descr: string, shape: ReadonlyArray<number>): Uint8Array => {
  const literal = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple(shape)}, }`
  // Up to 32 dimensions of 16 digits, so the 65,535 bytes of version 1.0 always suffice.
  const before = magic.length + 4
  const total = Math.ceil((before + literal.length + 1) / alignment) * alignment
  const bytes = Buffer.alloc(total, " ")
  bytes.set(magic)
  bytes[6] = 1
  bytes[7] = 0
  bytes.writeUInt16LE(total - before, 8)
  bytes.write(literal, before, "latin1")
  bytes[total - 1] = 0x0a
  return bytes
}

/** What a header says. */
interface Npy {
  readonly descr: string
  readonly shape: ReadonlyArray<number>
  /** Where the data begins. */
  readonly offset: number
}

const headerSpan = (file: Buffer): readonly [start: number, end: number] | string => {
  if (file.length < 12 || !magic.every((byte, index) => file[index] === byte))
    return "does not begin as an npy file"
  const version = file[6]
  if (version === 1) return [10, 10 + file.readUInt16LE(8)]
  if (version === 2) return [12, 12 + file.readUInt32LE(8)]
  return `is npy version ${version}.${file[7]}, readable are 1.0 and 2.0`
}

const descrField = /['"]descr['"]\s*:\s*['"]([^'"]+)['"]/
const orderField = /['"]fortran_order['"]\s*:\s*(True|False)/
const shapeField = /['"]shape['"]\s*:\s*\(([^)]*)\)/
const digits = /^\d+$/

const parseShape = (text: string): ReadonlyArray<number> | undefined => {
  const dimensions = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
  if (!dimensions.every((part) => digits.test(part))) return undefined
  const shape = dimensions.map(Number)
  return shape.every(Number.isSafeInteger) ? shape : undefined
}

/** The header, or the reason why the file cannot be read, in words. */
export const parseNpy = (bytes: Uint8Array): Npy | string => {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const span = headerSpan(file)
  if (typeof span === "string") return span
  const [start, end] = span
  if (end > file.length) return "ends within its header"
  const header = file.toString("latin1", start, end)
  const descr = descrField.exec(header)?.[1]
  const order = orderField.exec(header)?.[1]
  const shape = parseShape(shapeField.exec(header)?.[1] ?? "?")
  if (descr === undefined || order === undefined || shape === undefined)
    return "has a header without a plain descr, fortran_order or shape"
  if (descr.startsWith(">")) return `is big-endian (${descr}): save it again with .astype("<...")`
  // In one dimension both orders are the same.
  if (order === "True" && shape.length > 1)
    return "is in Fortran order: save it again with numpy.ascontiguousarray"
  return { descr, shape, offset: end }
}

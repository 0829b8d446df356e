/**
 * Sets of ordinals as bitmap pages: a page is a row of 256 bits, absent when it is empty. Finding
 * the highest ordinal that is not in the set reads whole pages at a time.
 */
const pageBits = 256

export const pageOf = (ordinal: number): number => Math.floor(ordinal / pageBits)

const withBit = (page: Uint8Array | undefined, ordinal: number, on: boolean): Uint8Array => {
  const bytes = new Uint8Array(pageBits / 8)
  if (page !== undefined) bytes.set(page)
  const bit = ordinal % pageBits
  const mask = 1 << (bit & 7)
  const byte = bytes[bit >> 3] ?? 0
  bytes[bit >> 3] = on ? byte | mask : byte & ~mask
  return bytes
}

/** The page with the ordinal in it. */
export const addOrdinal = (page: Uint8Array | undefined, ordinal: number): Uint8Array =>
  withBit(page, ordinal, true)

/** The page without the ordinal; undefined when nothing is left on it. */
export const dropOrdinal = (
  page: Uint8Array | undefined,
  ordinal: number,
): Uint8Array | undefined => {
  const bytes = withBit(page, ordinal, false)
  return bytes.some((byte) => byte !== 0) ? bytes : undefined
}

/** Whether the ordinal is on its page. */
export const hasOrdinal = (page: Uint8Array | undefined, ordinal: number): boolean => {
  const bit = ordinal % pageBits
  return ((page?.[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
}

/** The highest ordinal from 1 to `from` that is on no page, or undefined. */
export const highestAbsent = (
  from: number,
  pageAt: (page: number) => Uint8Array | undefined,
): number | undefined => {
  let ordinal = from
  while (ordinal >= 1) {
    const page = pageAt(pageOf(ordinal))
    const floor = Math.max(1, pageOf(ordinal) * pageBits)
    for (; ordinal >= floor; ordinal -= 1) if (!hasOrdinal(page, ordinal)) return ordinal
  }
  return undefined
}

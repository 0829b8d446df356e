/**
 * States: what a scan saw of entries beside their content, a manifest of them for each directory.
 *
 * The MessagePack maps of the entries one after the other, in the order of the manifest of content:
 * `ctime` and `mtime` in nanoseconds of Unix time (64 bits, signed), `mode` the permission bits,
 * `name`; of a file `crc32`, and where it has more than one piece `pieces`, a SHA-256 of each; of a
 * directory that is not empty `states`, the SHA-256 of its own states. Reads and writes nothing.
 */
import { type Digest, fromDigest, toDigest } from "../model/digest.js"
import { type Plain, pack, unpackAll } from "../model/msgpack.js"
import { compareUtf8 } from "../model/tree.js"

export interface EntryState {
  readonly name: string
  /** Permission bits. */
  readonly mode: number
  /** Nanoseconds of Unix time. */
  readonly mtime: bigint
  readonly ctime: bigint
  /** It changed so short before it was read that a later change need not show in its times. */
  readonly recent?: true
  /** Of a file. */
  readonly crc32?: number
  /** Of a file of more than one piece: 32 bytes for each. */
  readonly pieces?: Uint8Array
  /** Of a directory with something in it. */
  readonly states?: Digest
}

/** The bytes of some entries, which follow those before them. */
export const encodeStates = (entries: ReadonlyArray<EntryState>): Uint8Array =>
  Buffer.concat(
    entries.map(({ name, mode, mtime, ctime, recent, crc32, pieces, states }) =>
      pack({
        crc32,
        ctime,
        mode,
        mtime,
        name,
        pieces,
        recent,
        states: states === undefined ? undefined : fromDigest(states),
      }),
    ),
  )

type PlainState = { readonly [key: string]: Plain | undefined }

const isCount = (value: Plain | undefined): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const isPieces = (value: Plain | undefined): value is Uint8Array =>
  value instanceof Uint8Array && value.length % 32 === 0

const nanoseconds = (value: Plain | undefined): bigint | undefined => {
  if (typeof value === "bigint") return value
  return Number.isSafeInteger(value) ? BigInt(Number(value)) : undefined
}

const decodeState = (plain: Plain): EntryState => {
  const { name, mode, recent, crc32, pieces, states, ...times } = (plain ?? {}) as PlainState
  const mtime = nanoseconds(times.mtime)
  const ctime = nanoseconds(times.ctime)
  if (typeof name !== "string" || !isCount(mode) || mtime === undefined || ctime === undefined)
    throw new Error("an entry of the states is not of a known form")
  return {
    name,
    mode,
    mtime,
    ctime,
    ...(recent === true ? { recent: true as const } : {}),
    ...(isCount(crc32) ? { crc32 } : {}),
    ...(isPieces(pieces) ? { pieces } : {}),
    ...(states instanceof Uint8Array ? { states: toDigest(states) } : {}),
  }
}

/**
 * The states of one directory, each when it is asked for. Throws where the bytes are no states, or
 * out of order, when it comes there; so no name comes twice.
 */
export function* parseStates(bytes: Uint8Array): Generator<EntryState, void> {
  let before = ""
  for (const plain of unpackAll(bytes)) {
    const state = decodeState(plain)
    if (state.name.includes("/") || compareUtf8(before, state.name) >= 0)
      throw new Error(`the entry ${state.name} of the states is no name, or out of order`)
    before = state.name
    yield state
  }
}

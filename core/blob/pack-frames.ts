/**
 * The frames of a pack that are in the index, in the order in which they lie, and whether they are
 * to go: in 49 bytes each, since a full pack of small contents has two million of them.
 *
 * Knows no file.
 */
import { type Digest, toDigest, writeDigest } from "../model/digest.js"
import { type FrameKind, frameHeaderBytes } from "./frame.js"
import type { Row } from "./index-row.js"

/** Bytes of one pack, half-open. */
export interface Extent {
  readonly from: number
  readonly to: number
}

type Framed = Pick<Row, "kind" | "digest" | "offset" | "storedSize">

export interface PackFrame extends Extent {
  readonly kind: FrameKind
  readonly digest: Digest
}

const digestBytes = 32
const kinds: ReadonlyArray<FrameKind> = ["chunk", "recipe"]
const goesFlag = 2

export class PackFrames {
  #count = 0
  #offsets = new Float64Array(64)
  #sizes = new Uint32Array(64)
  #flags = new Uint8Array(64)
  #digests = Buffer.alloc(64 * digestBytes)
  /** By place, once all are in. */
  #order = new Uint32Array(0)

  get count(): number {
    return this.#count
  }

  add({ kind, digest, offset, storedSize }: Framed, goes: boolean): void {
    if (this.#count === this.#offsets.length) this.#grow()
    const at = this.#count
    this.#offsets[at] = offset
    this.#sizes[at] = storedSize
    this.#flags[at] = kinds.indexOf(kind) + (goes ? goesFlag : 0)
    writeDigest(this.#digests, digest, at * digestBytes)
    this.#count += 1
  }

  #grow(): void {
    const length = 2 * this.#offsets.length
    const copy = <A extends Float64Array | Uint32Array | Uint8Array>(from: A, to: A): A => {
      to.set(from as never)
      return to
    }
    this.#offsets = copy(this.#offsets, new Float64Array(length))
    this.#sizes = copy(this.#sizes, new Uint32Array(length))
    this.#flags = copy(this.#flags, new Uint8Array(length))
    this.#digests = copy(this.#digests, Buffer.alloc(length * digestBytes))
  }

  /** To be called when all are in, before any is asked for. */
  sort(): void {
    const offsets = this.#offsets
    const order = Uint32Array.from({ length: this.#count }, (_, at) => at)
    this.#order = order.sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0))
  }

  #place(index: number): number {
    return this.#order[index] ?? 0
  }

  /** The frame of this number, in the order in which they lie. */
  at(index: number): PackFrame {
    const at = this.#place(index)
    const kind = kinds[(this.#flags[at] ?? 0) % goesFlag] ?? "chunk"
    const digest = toDigest(this.#digests.subarray(at * digestBytes, (at + 1) * digestBytes))
    return { kind, digest, from: this.from(index), to: this.to(index) }
  }

  from(index: number): number {
    return this.#offsets[this.#place(index)] ?? 0
  }

  to(index: number): number {
    return this.from(index) + frameHeaderBytes + (this.#sizes[this.#place(index)] ?? 0)
  }

  /** Whether it is to go. */
  goes(index: number): boolean {
    return (this.#flags[this.#place(index)] ?? 0) >= goesFlag
  }
}

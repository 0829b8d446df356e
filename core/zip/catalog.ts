/**
 * What goes into a zip archive, and in which order: by the UTF-8 bytes of the names.
 *
 * Entries of one or more trees are kept packed, since there may be millions: a record of fixed
 * length for each, and its name. Knows neither offsets nor the bytes of headers, and looks into no
 * content: sizes and CRCs come with the entries.
 */
import { crc32 } from "node:zlib"
import type { Sent } from "../blob/blob-store.js"
import { type Digest, digestOf, toDigest, writeDigest } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { deflateEnd, findClash, type ZipEntry, type ZipFile } from "./entry.js"
import { type Header, makeStamp, methodDeflate, methodStored, modes, type Stamp } from "./header.js"

/** A folder of an archive, or the archive itself. One with a prefix is there, be it empty. */
export interface ZipTree {
  readonly prefix?: RelativePath
  /** Of all that is in it, in milliseconds UTC. */
  readonly modified: number
}

/** A file whose bytes are to be sent. */
export interface ZipSource {
  /** The tree that it is in, counted from 0, and its path there. */
  readonly tree: number
  readonly path: RelativePath
  readonly digest: Digest
  /** Bytes of its content, in whatever form it is sent. */
  readonly size: number
  readonly sent: Sent
}

interface Tree {
  readonly prefix: string
  readonly prefixBytes: number
  readonly stamp: Stamp
}

// A record: numbers at these offsets, the digest of what is listed, and that of its stored form.
const atCompressed = 8
const atCrc = 16
const atNameEnd = 20
const atTree = 24
const atMode = 28
const atMethod = 30
const atDigest = 32
const atStored = 64
const recordBytes = 96

const blockCountMax = 4_096
// Of a name, to begin with.
const nameBytes = 32

/** Some entries in the order in which they came. */
class Block {
  readonly records: Buffer
  readonly view: DataView
  names: Buffer
  count = 0
  #filled = 0

  constructor(countMax: number) {
    this.records = Buffer.from(new ArrayBuffer(countMax * recordBytes))
    this.view = new DataView(this.records.buffer)
    this.names = Buffer.allocUnsafeSlow(countMax * nameBytes)
  }

  /** Keeps the name of the next record, which begins at the offset that this gives. */
  begin(name: string): number {
    // Three bytes are the most that a code unit takes.
    const most = this.#filled + 3 * name.length
    if (most > this.names.length) {
      const larger = Buffer.allocUnsafeSlow(2 * most)
      larger.set(this.names.subarray(0, this.#filled))
      this.names = larger
    }
    this.#filled += this.names.write(name, this.#filled)
    const at = this.count * recordBytes
    this.view.setUint32(at + atNameEnd, this.#filled)
    this.count += 1
    return at
  }

  name(at: number): Buffer {
    const start = at === 0 ? 0 : this.view.getUint32(at - recordBytes + atNameEnd)
    return this.names.subarray(start, this.view.getUint32(at + atNameEnd))
  }
}

interface Packed {
  readonly block: Block
  /** Where its record begins. */
  readonly at: number
}

const modeOf = (entry: ZipEntry): number => {
  if (entry.kind !== "file") return modes[entry.kind]
  return entry.executable === true ? modes.executable : modes.file
}

const isFileMode = (mode: number): boolean => mode === modes.file || mode === modes.executable

const compareNames = (one: Packed, other: Packed): number =>
  one.block.name(one.at).compare(other.block.name(other.at))

export class Catalog {
  readonly #blockCount: number
  readonly #blocks: Array<Block> = []
  readonly #trees: Array<Tree> = []
  /** Where the symlinks among all entries point. */
  readonly #targets = new Map<number, string>()
  #count = 0
  /** Of the tree that was begun last. */
  #treeCount = 0
  #isSorted = true
  #order: Uint32Array | undefined

  /** Room for about so many entries is taken when the first one comes. */
  constructor(expected: number) {
    this.#blockCount = Math.min(Math.max(expected, 1), blockCountMax)
  }

  get count(): number {
    return this.#count
  }

  /** What is added from now on lies in this tree. */
  begin({ prefix, modified }: ZipTree): void {
    this.#endTree()
    const folder = prefix === undefined ? "" : `${prefix}/`
    const stamp = makeStamp(modified)
    this.#trees.push({ prefix: folder, prefixBytes: Buffer.byteLength(folder), stamp })
    this.#treeCount = 0
  }

  add(entry: ZipEntry): void {
    const { prefix } = this.#tree(this.#trees.length - 1)
    const name = `${prefix}${entry.path}${entry.kind === "directory" ? "/" : ""}`
    const { block, at } = this.#put(name, modeOf(entry))
    this.#treeCount += 1
    if (entry.kind === "file") this.#describeFile(block, at, entry)
    else if (entry.kind === "symlink") this.#describeLink(block, at, entry.target)
  }

  /** Orders all entries. Throws on two of one name, and on one below a file or link: a defect. */
  finish(): this {
    this.#endTree()
    if (!this.#isSorted) {
      const order = Uint32Array.from({ length: this.#count }, (_, index) => index)
      this.#order = order.sort((a, b) => compareNames(this.#packed(a), this.#packed(b)))
    }
    const clash = findClash(this.#names())
    if (clash === undefined) return this
    const { named, above } = clash
    const how = above === undefined ? "twice" : `below ${above.name}, which is no directory`
    throw new Error(`the archive would hold ${named.name} ${how}`)
  }

  /** What the headers of an entry say; the place is that in the order of the archive. */
  header(place: number): Header {
    const { block, at } = this.#placed(place)
    const { view } = block
    return {
      name: block.name(at),
      mode: view.getUint16(at + atMode),
      method: view.getUint16(at + atMethod),
      crc32: view.getUint32(at + atCrc),
      size: view.getFloat64(at),
      compressedSize: view.getFloat64(at + atCompressed),
      stamp: this.#tree(view.getUint32(at + atTree)).stamp,
    }
  }

  isFile(place: number): boolean {
    const { block, at } = this.#placed(place)
    return isFileMode(block.view.getUint16(at + atMode))
  }

  /** What is sent between the headers of an entry; undefined of all but files. */
  source(place: number): ZipSource | undefined {
    const { block, at } = this.#placed(place)
    const { view, records } = block
    if (!isFileMode(view.getUint16(at + atMode))) return undefined
    const tree = view.getUint32(at + atTree)
    const path = block.name(at).subarray(this.#tree(tree).prefixBytes).toString() as RelativePath
    const digest = toDigest(records.subarray(at + atDigest, at + atStored))
    const sent = view.getUint16(at + atMethod) === methodDeflate ? "deflated" : "content"
    return { tree, path, digest, size: view.getFloat64(at), sent }
  }

  /** Where a symlink points; empty of all others. */
  target(place: number): string {
    return this.#targets.get(this.#index(place)) ?? ""
  }

  /** Changes whenever the bytes between the headers would; empty of a directory. */
  contentDigest(place: number): string {
    const { block, at } = this.#placed(place)
    if (block.view.getUint16(at + atMode) === modes.directory) return ""
    const isDeflated = block.view.getUint16(at + atMethod) === methodDeflate
    const from = at + (isDeflated ? atStored : atDigest)
    return block.records.toString("hex", from, from + 32)
  }

  #describeFile({ view, records }: Block, at: number, file: ZipFile): void {
    const { source, size, digest } = file
    view.setFloat64(at, size)
    view.setUint32(at + atCrc, file.crc32)
    writeDigest(records, digest, at + atDigest)
    if (source.method === "stored") {
      view.setFloat64(at + atCompressed, size)
      return
    }
    view.setUint16(at + atMethod, methodDeflate)
    view.setFloat64(at + atCompressed, source.deflatedSize + deflateEnd.length)
    writeDigest(records, source.storedDigest, at + atStored)
  }

  #describeLink({ view, records }: Block, at: number, target: string): void {
    const bytes = Buffer.from(target)
    view.setFloat64(at, bytes.length)
    view.setFloat64(at + atCompressed, bytes.length)
    view.setUint32(at + atCrc, crc32(bytes))
    writeDigest(records, digestOf(bytes), at + atDigest)
    this.#targets.set(this.#count - 1, target)
  }

  #put(name: string, mode: number): Packed {
    let block = this.#blocks.at(-1)
    if (block === undefined || block.count === this.#blockCount) {
      block = new Block(this.#blockCount)
      this.#blocks.push(block)
    }
    const at = block.begin(name)
    block.view.setUint32(at + atTree, this.#trees.length - 1)
    block.view.setUint16(at + atMode, mode)
    block.view.setUint16(at + atMethod, methodStored)
    this.#count += 1
    const put = { block, at }
    if (this.#count > 1 && compareNames(this.#packed(this.#count - 2), put) > 0)
      this.#isSorted = false
    return put
  }

  /** The folder of a tree that nothing was added to. */
  #endTree(): void {
    const tree = this.#trees.at(-1)
    if (tree !== undefined && tree.prefix !== "" && this.#treeCount === 0)
      this.#put(tree.prefix, modes.directory)
  }

  *#names(): Generator<{ readonly name: string }> {
    for (let place = 0; place < this.#count; place += 1) {
      const { block, at } = this.#placed(place)
      yield { name: block.name(at).toString() }
    }
  }

  #tree(index: number): Tree {
    const tree = this.#trees[index]
    if (tree === undefined) throw new Error("an entry lies in no tree of the archive")
    return tree
  }

  #index(place: number): number {
    return this.#order === undefined ? place : (this.#order[place] ?? -1)
  }

  #placed(place: number): Packed {
    return this.#packed(this.#index(place))
  }

  #packed(index: number): Packed {
    const block = this.#blocks[Math.floor(index / this.#blockCount)]
    if (block === undefined) throw new Error(`the archive has no entry ${index}`)
    return { block, at: (index % this.#blockCount) * recordBytes }
  }
}

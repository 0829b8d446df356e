/**
 * The Tree: what a version contains, as entries sorted by the UTF-8 bytes of their paths.
 *
 * Its digest is that of its root manifest. A manifest lists one directory: the MessagePack maps of
 * its entries one after the other, each with the name, kind, exec bit, size and SHA-256 of the
 * entry; a directory's SHA-256 is that of its own manifest, so equal content has equal digests
 * whether the tree lies inside an event or in manifests of its own. Times are not content.
 */
import { type Digest, digestOf, fromDigest, toDigest } from "./digest.js"
import { type Plain, pack, unpackAll } from "./msgpack.js"
import { pathProblem, type RelativePath } from "./path.js"

export type EntryKind = "file" | "directory" | "symlink"

/** `size` counts bytes: of the file, of the link's target, or of all files below a directory. */
export interface TreeEntry {
  readonly path: RelativePath
  readonly kind: EntryKind
  readonly size: number
  /** Of the file's bytes, of the link's target as UTF-8, or of the directory's manifest. */
  readonly digest: Digest
  readonly executable?: true
  /** Of a symlink only: where it points, recorded and never followed. */
  readonly target?: string
}

/** Sorted by path. Only empty directories are entries: other entries imply the rest. */
export type Tree = ReadonlyArray<TreeEntry>

/** Orders strings as their UTF-8 bytes do, which code units do not above U+FFFF. */
export const compareUtf8 = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index += 1) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x !== y) return aboveSurrogates(x) - aboveSurrogates(y)
  }
  return a.length - b.length
}

// Surrogates stand for U+10000 and above: lift them over U+E000 to U+FFFF, the only other range.
const aboveSurrogates = (unit: number): number => {
  if (unit < 0xd800) return unit
  return unit <= 0xdfff ? unit + 0x2800 : unit - 0x800
}

/** The entries in canonical order; refuses two with one path, and a path below a file. */
export const makeTree = (entries: ReadonlyArray<TreeEntry>): Tree => {
  const sorted = [...entries].sort((a, b) => compareUtf8(a.path, b.path))
  const kinds = new Map<string, EntryKind>()
  for (const { path, kind } of sorted) {
    if (kinds.has(path)) throw new Error(`the tree names ${path} twice`)
    kinds.set(path, kind)
  }
  for (const { path } of sorted) {
    for (let cut = path.indexOf("/"); cut >= 0; cut = path.indexOf("/", cut + 1)) {
      const kind = kinds.get(path.slice(0, cut))
      if (kind !== undefined)
        throw new Error(`${path} lies below the ${kind} ${path.slice(0, cut)}`)
    }
  }
  return sorted
}

/** As `makeTree`, of entries that came from elsewhere; refuses what can be no path too. */
export const checkedTree = (entries: ReadonlyArray<TreeEntry>): Tree => {
  for (const { path } of entries) {
    const problem = pathProblem(path)
    if (problem !== undefined) throw new Error(`the path ${path} ${problem}`)
  }
  return makeTree(entries)
}

interface Node {
  readonly name: string
  readonly entry?: TreeEntry
  readonly children: Map<string, Node>
}

const kindCodes: Readonly<Record<EntryKind, number>> = { file: 0, directory: 1, symlink: 2 }

// Members in the order in which they are packed, so that nothing has to be sorted.
const manifestEntry = (name: string, entry: Omit<TreeEntry, "path">): Plain => ({
  exec: entry.executable,
  kind: kindCodes[entry.kind],
  name,
  sha256: fromDigest(entry.digest),
  size: entry.size,
  target: entry.target,
})

/** The canonical bytes of one directory, given its entries by name. */
export const manifestBytes = (
  entries: ReadonlyArray<readonly [name: string, entry: Omit<TreeEntry, "path">]>,
): Uint8Array => {
  const sorted = [...entries].sort(([a], [b]) => compareUtf8(a, b))
  return Buffer.concat(sorted.map(([name, entry]) => pack(manifestEntry(name, entry))))
}

const nest = (tree: Tree): Node => {
  const root: Node = { name: "", children: new Map() }
  for (const entry of tree) {
    const components = entry.path.split("/")
    const last = components.pop() ?? ""
    let node = root
    for (const name of components) {
      const child = node.children.get(name) ?? { name, children: new Map() }
      node.children.set(name, child)
      node = child
    }
    node.children.set(last, { name: last, entry, children: new Map() })
  }
  return root
}

const summarize = (node: Node, keep: (manifest: Uint8Array) => void): Omit<TreeEntry, "path"> => {
  if (node.entry !== undefined && node.children.size === 0) return node.entry
  const entries = [...node.children.values()].map(
    (child) => [child.name, summarize(child, keep)] as const,
  )
  const bytes = manifestBytes(entries)
  keep(bytes)
  const size = entries.reduce((sum, [, entry]) => sum + entry.size, 0)
  return { kind: "directory", size, digest: digestOf(bytes) }
}

export interface TreeSummary {
  readonly digest: Digest
  /** Bytes of all files and link targets. */
  readonly size: number
  /** Every manifest, deepest first, the root last: what is stored when the tree is not inline. */
  readonly manifests: ReadonlyArray<Uint8Array>
}

export const summarizeTree = (tree: Tree): TreeSummary => {
  const manifests: Array<Uint8Array> = []
  const { digest, size } = summarize(nest(tree), (manifest) => void manifests.push(manifest))
  return { digest, size, manifests }
}

/** The digest of the manifest of a directory with nothing in it. */
export const emptyManifestDigest: Digest = digestOf(new Uint8Array(0))

const kindNames = ["file", "directory", "symlink"] as const

const isSize = (size: Plain | undefined): size is number =>
  Number.isSafeInteger(size) && Number(size) >= 0

/** A symlink points somewhere, and nothing else does. */
const isTarget = (kind: EntryKind, target: Plain | undefined): target is string | undefined =>
  kind === "symlink"
    ? typeof target === "string" && target !== "" && !target.includes("\0")
    : target === undefined

const decodeEntry = (plain: Plain, path: string): TreeEntry => {
  const { kind, size, sha256, exec, target } = (plain ?? {}) as {
    readonly [key: string]: Plain | undefined
  }
  const name = typeof kind === "number" ? kindNames[kind] : undefined
  if (name === undefined || !isSize(size) || !(sha256 instanceof Uint8Array))
    throw new Error(`the manifest entry ${path} is not of a known form`)
  if (!isTarget(name, target))
    throw new Error(`the manifest entry ${path} is a ${name} that points nowhere, or should not`)
  const problem = pathProblem(path)
  if (problem !== undefined) throw new Error(`the manifest entry ${path} ${problem}`)
  const digest = toDigest(sha256)
  // Members in the order of rows, so that nothing has to be sorted when one is packed.
  const entry = { digest, kind: name, path: path as RelativePath, size }
  if (exec !== true && target === undefined) return entry
  return {
    digest,
    ...(exec === true ? { executable: true as const } : {}),
    kind: name,
    path: entry.path,
    size,
    ...(target === undefined ? {} : { target }),
  }
}

const nameOf = (plain: Plain): Plain | undefined =>
  (plain as { readonly name?: Plain } | null)?.name

/**
 * The entries of one manifest, with `below` (empty, or ending in `/`) before their names; each when
 * it is asked for. Throws where the bytes are not a manifest, are damaged or out of order, when it
 * comes there; so no name comes twice.
 */
export function* parseManifest(bytes: Uint8Array, below: string): Generator<TreeEntry, void> {
  let before = ""
  for (const plain of unpackAll(bytes)) {
    const name = nameOf(plain)
    if (typeof name !== "string" || name.includes("/"))
      throw new Error(`a manifest entry below ${below || "the root"} has no name`)
    if (compareUtf8(before, name) >= 0)
      throw new Error(`the manifest entry ${name} is out of order`)
    before = name
    yield decodeEntry(plain, below + name)
  }
}

/** The form inside an event: as in a manifest, but with whole paths. */
export const encodeTree = (tree: Tree): Plain =>
  tree.map((entry) => manifestEntry(entry.path, entry))

/** Throws when it is not that form. */
export const decodeTree = (plain: Plain): Tree => {
  if (!Array.isArray(plain)) throw new Error("the tree is not a list of entries")
  return plain.map((entry: Plain) => decodeEntry(entry, String(nameOf(entry))))
}

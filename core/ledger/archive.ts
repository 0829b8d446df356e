/**
 * Archives: the files of one version, or of several as folders, as a zip that is known before a
 * byte of it is read.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ByteRange } from "../blob/blob-store.js"
import type { Check } from "../directory/judge.js"
import { type Failure, InvalidInput, type Refusal } from "../errors.js"
import { candidateCountMax, compositeCountMax, pathBytesMax } from "../limits.js"
import type { ArtifactVersion } from "../model/artifact.js"
import { First } from "../model/first.js"
import { checkCount, refuse, text } from "../model/input.js"
import { isRelativePath, pathProblem, type RelativePath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import { Catalog } from "../zip/catalog.js"
import { type ZipLayout, zipLayout } from "../zip/layout.js"
import { type ContentOpener, zipStream } from "../zip/stream.js"
import { type Archived, archivedOf } from "./archived.js"
import type { ZipOptions } from "./call-options.js"
import { type Bytes, checkedRange } from "./content.js"
import type { Engine } from "./engine.js"
import { type AnySource, parseCheck } from "./linked-content.js"
import { operations } from "./operations.js"

/** An archive as it will be sent: everything about it is known before a byte is read. */
export interface ArchiveOf<Sent> {
  /** Bytes. */
  readonly size: number
  /** Strong, in quotes (RFC 9110, 8.8.3). */
  readonly etag: string
  readonly filename: string
  /** The bytes, or a half-open range of them. */
  readonly stream: (range?: ByteRange) => Sent
}

/** What of the versions is sent, and below which folder. */
export interface ZipPlan {
  readonly check: Check
  readonly prefix: RelativePath | undefined
  /** Paths of files or folders; undefined for everything. */
  readonly only: ReadonlyArray<RelativePath> | undefined
}

const relative = (value: unknown, at: string): RelativePath => {
  const given = text(value, at, pathBytesMax)
  // A folder may be written as one.
  const path = given.endsWith("/") ? given.slice(0, -1) : given
  return isRelativePath(path) ? path : refuse(at, pathProblem(path) ?? "is no path")
}

/** Throws `InvalidInput` for what is no folder or no path. */
export const parseZip = ({ prefix, only, check }: ZipOptions): ZipPlan => {
  const paths: ReadonlyArray<unknown> = typeof only === "string" ? [only] : (only ?? [])
  if (only !== undefined && (!Array.isArray(paths) || paths.length === 0))
    refuse("options.only", "is neither a path nor a list of paths")
  checkCount("compositeCountMax", compositeCountMax, paths.length)
  return {
    check: parseCheck(check),
    prefix: prefix === undefined ? undefined : relative(prefix, "options.prefix"),
    only:
      only === undefined
        ? undefined
        : Array.from(paths, (path, at) => relative(path, `options.only[${at}]`)),
  }
}

const holds = (only: RelativePath, path: RelativePath): boolean =>
  path === only || path.startsWith(`${only}/`)

/** What of the versions was asked for, and whether all of it was there. */
class Chosen {
  readonly #only: ZipPlan["only"]
  readonly #lacking: Set<RelativePath>
  /** Some paths of the first version, for who asked for one that is not there. */
  readonly #some = new First<RelativePath>(candidateCountMax, compareUtf8)

  constructor(only: ZipPlan["only"]) {
    this.#only = only
    this.#lacking = new Set(only)
  }

  has(version: number, path: RelativePath): boolean {
    if (this.#only === undefined) return true
    if (version === 0) this.#some.add(path)
    const wanted = this.#only.filter((one) => holds(one, path))
    for (const one of wanted) this.#lacking.delete(one)
    return wanted.length > 0
  }

  /** Refuses a path that nothing lies at, rather than to send an archive that lacks it. */
  problem(versions: ReadonlyArray<ArtifactVersion>): InvalidInput | undefined {
    const [path] = this.#lacking
    if (path === undefined) return undefined
    const [first] = versions
    const where = `${first?.name}@${first?.version}`
    const some = this.#some.list().join(", ")
    return new InvalidInput({
      message: `options.only names ${path}, which no version has: ${where} has ${some}`,
      path: "options.only",
    })
  }
}

/** The folder of a version among several. Throws where its name cannot be one. */
const folderOf = ({ name, version }: ArtifactVersion): RelativePath => {
  const folder = `${name}/${version}`
  const problem = pathProblem(folder)
  if (isRelativePath(folder)) return folder
  return refuse("reference", `names ${name}, and a folder ${folder} ${problem}: zip it by itself`)
}

const below = (...folders: ReadonlyArray<RelativePath | undefined>) => {
  const path = folders.filter((folder) => folder !== undefined).join("/")
  return path === "" ? {} : { prefix: path as RelativePath }
}

const unsafeInFilename = /[^\p{L}\p{N}._-]+/gu

const filenameOf = (versions: ReadonlyArray<ArtifactVersion>): string => {
  const [first, ...others] = versions.map(({ name, version }) => `${name}-${version}`)
  const more = others.length === 0 ? "" : `-and-${others.length}-more`
  return `${`${first}${more}`.replace(unsafeInFilename, "_")}.zip`
}

/** Opens content of each of the versions. */
const openerOf = (all: ReadonlyArray<Archived>): ContentOpener<Refusal | Failure> => {
  const openerAt = (tree: number) => {
    const archived = all[tree]
    if (archived === undefined) throw new Error(`the archive has no version ${tree}`)
    return archived.opener
  }
  return {
    read: (content) => openerAt(content.tree).read(content),
    readInto: (parts) => {
      const trees = [...new Set(parts.map(({ tree }) => tree))]
      const read = (tree: number) =>
        openerAt(tree).readInto(parts.filter((part) => part.tree === tree))
      return Effect.forEach(trees, read, { concurrency: "unbounded", discard: true })
    },
  }
}

type Laying = AnySource & Pick<Engine, "isClosed" | "layouts">

/** By what an archive is known; undefined where files lie in place, and may change. */
const keyOf = (
  versions: ReadonlyArray<ArtifactVersion>,
  { prefix, only }: ZipPlan,
): string | undefined => {
  if (versions.some(({ content }) => content.link !== undefined)) return undefined
  return JSON.stringify([versions.map(({ id }) => id), prefix, only])
}

const layOut = Effect.fnUntraced(function* (
  versions: ReadonlyArray<ArtifactVersion>,
  all: ReadonlyArray<Archived>,
  { prefix, only }: ZipPlan,
): Effect.fn.Return<ZipLayout, Failure | Refusal> {
  const chosen = new Chosen(only)
  const catalog = new Catalog(versions.reduce((sum, { content }) => sum + content.count, 0))
  for (const [at, version] of versions.entries()) {
    const folder = versions.length > 1 ? folderOf(version) : undefined
    catalog.begin({ ...below(prefix, folder), modified: version.createdAt.getTime() })
    const wants = (path: RelativePath) => chosen.has(at, path)
    yield* all[at]?.each({ wants, take: (entry) => catalog.add(entry) }) ?? Effect.void
  }
  const problem = chosen.problem(versions)
  return problem === undefined ? zipLayout(catalog.finish()) : yield* problem
})

/**
 * The archive of these versions: of one as it is, of several as folders `name/version/`. The time
 * of its entries is that of their saves, so its bytes never change.
 */
export const archiveOf = Effect.fnUntraced(function* (
  engine: Laying,
  versions: ReadonlyArray<ArtifactVersion>,
  plan: ZipPlan,
): Effect.fn.Return<ArchiveOf<Bytes>, Failure | Refusal> {
  const all = versions.map((version) => archivedOf(engine, version, plan.check))
  const key = keyOf(versions, plan)
  // What was laid out lately is not read again.
  const known = key === undefined ? undefined : engine.layouts.get(key)
  const layout = known ?? (yield* layOut(versions, all, plan))
  if (key !== undefined && known === undefined) engine.layouts.keep(key, layout)
  const opener = openerOf(all)
  const { size, etag } = layout
  // What cannot be sent is looked at anew when it is asked for again.
  const failed = Effect.sync(() => key !== undefined && engine.layouts.forget(key))
  const send = (range?: ByteRange) =>
    zipStream(layout, opener, checkedRange(range)).pipe(Stream.onError(() => failed))
  const archive = {
    size,
    etag,
    filename: filenameOf(versions),
    stream: (range?: ByteRange) => Stream.suspend(() => send(range)),
  }
  return operations(archive, engine.isClosed)
})

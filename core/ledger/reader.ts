/**
 * The reading operations over one moment: of the present each time anew, or of a fixed past.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { DaybookError, Failure, Refusal } from "../errors.js"
import { published } from "../event/published.js"
import { compositeCountMax, pageSizeDefault, pageSizeMax } from "../limits.js"
import type { ArtifactVersion } from "../model/artifact.js"
import {
  checkCount,
  checkOptions,
  flag,
  members,
  readable,
  refuse,
  tagName,
} from "../model/input.js"
import type { Reference } from "../model/reference.js"
import { tags } from "../projection/tags.js"
import { queries } from "../query/all.js"
import { toTag } from "../query/answer.js"
import { explaining } from "../query/explain.js"
import { parsedInput } from "../query/input.js"
import { checkLimit, type Page } from "../query/page.js"
import type { Moment } from "../query/query.js"
import { copying, type TableKey, type Tables, type ViewOf } from "../view/draft.js"
import type { ReaderApi, View } from "./api.js"
import { archiveOf, parseZip, type ZipPlan } from "./archive.js"
import type {
  CheckOptions,
  DriftOptions,
  FileOptions,
  LoadOptions,
  ZipOptions,
} from "./call-options.js"
import { checkout, loadPath } from "./checkout.js"
import { openFile } from "./content.js"
import { checkTarget, type DownloadOptions, download } from "./download.js"
import { findDrift } from "./drift.js"
import { type Engine, momentAt } from "./engine.js"
import { openContent, parseCheck } from "./linked-content.js"
import { checkAs, loadValue } from "./loading.js"
import { operations } from "./operations.js"
import { pathMaterializer } from "./path-intake.js"

type Now = Effect.Effect<Moment, Refusal | Failure>

const isMissing = (error: DaybookError): boolean => error.kind === "missing"

/** The `find…` form of a query: what is missing is no error, so it is not explained either. */
const orUndefined = <A>(now: Now, query: (moment: Moment) => Effect.Effect<A, DaybookError>) =>
  Effect.catch(
    Effect.flatMap(now, query),
    (error): Effect.Effect<undefined, DaybookError> =>
      isMissing(error) ? Effect.succeed(undefined) : Effect.fail(error),
  )

/** Every entry of a list query, page after page, all as of the first. */
const everyEntry = <Q extends object, A>(
  list: (query: Q) => Effect.Effect<Page<A>, DaybookError>,
  query: Q | undefined,
): Stream.Stream<A, DaybookError> =>
  Stream.paginate(undefined as string | undefined, (cursor) => {
    // The largest page unless the caller says otherwise: fewer round trips, bounded all the same.
    const given = readable("query", () => ({ ...members(query ?? {}) }))
    const wide = { limit: pageSizeMax, ...given } as unknown as Q
    return Effect.map(list(cursor === undefined ? wide : { ...wide, cursor }), (page) => [
      page.entries,
      page.next === undefined ? Option.none() : Option.some(page.next),
    ])
  })

/** `load(name, { version })` is `load({ name, version })`. */
const withVersion = (reference: Reference, version: string | number | undefined): Reference => {
  if (version === undefined) return reference
  if (typeof reference === "string" && !reference.includes("@")) return { name: reference, version }
  return refuse("options.version", "goes with a bare name only")
}

const isKeyPart = (part: unknown): boolean =>
  typeof part === "string" || (Number.isSafeInteger(part) && Number(part) >= 0)

const checkKey = <Key extends TableKey<string>>(key: Key): Key =>
  readable("key", () => Array.isArray(key) && typeof key[0] === "string" && key.every(isKeyPart))
    ? key
    : refuse("key", "is not a list of texts and whole numbers, the table first")

type ViewPageOptions = Parameters<View<"effect", Tables>["list"]>[1]

/** A view that stopped still answers for moments before it did. */
const projectionView = <T extends Tables>(now: Now, engine: Engine, of: ViewOf<T>) => {
  const opened = Effect.map(now, (moment) => {
    const name = readable("projection", () => of.name)
    if (typeof name !== "string" || !engine.views.states.has(name))
      refuse("projection", "was not given to openLedger: name it in { projections }")
    const stopped = engine.folding.stopped.get(name)
    if (stopped !== undefined && stopped.position <= moment.position)
      refuse("projection", `${name} stopped at position ${stopped.position}: fix its fold`)
    const rows = moment.views.view(of)
    // Lists are read from the store, each anew.
    return { ...copying(moment.views).view(of), list: rows.list }
  })
  const view: View<"effect", T> = {
    get: (key) => Effect.map(opened, (rows) => rows.get(checkKey(key))),
    list: <N extends keyof T & string>(prefix: TableKey<N>, page: ViewPageOptions = {}) =>
      Effect.gen(function* () {
        const rows = yield* opened
        checkOptions(page, ["limit", "after", "reverse"])
        const { limit = pageSizeDefault, after, reverse } = page
        checkLimit("options.limit", limit)
        if (after !== undefined && typeof after !== "string")
          refuse("options.after", "is not where a page ended")
        const backwards = flag(reverse, "options.reverse")
        const query = { prefix: checkKey(prefix), after, reverse: backwards, countMax: limit }
        const listed = yield* rows.list(query)
        const entries = listed.rows.map(({ key, value }) => ({ key, value }))
        return listed.resume === undefined ? { entries } : { entries, next: listed.resume }
      }),
  }
  return operations(view, engine.isClosed)
}

const optionKeys = {
  load: ["version", "as", "check", "signal"],
  open: ["range", "signal"],
  zip: ["prefix", "only", "check", "signal"],
  download: ["overwrite", "onProgress", "prefix", "only", "check", "signal"],
} as const

const parseDownload = (options: DownloadOptions & ZipOptions): ZipPlan => {
  checkOptions(options, optionKeys.download)
  flag(options.overwrite, "options.overwrite")
  const { onProgress } = options
  if (onProgress !== undefined && typeof onProgress !== "function")
    refuse("options.onProgress", "is not a function")
  return parseZip(options)
}

/** The version a call is about. What `save` and the lists give is taken at its word, by id. */
const versionOf = (now: Now, reference: Reference): Effect.Effect<ArtifactVersion, DaybookError> =>
  Effect.flatMap(now, (moment) => queries.getVersion(moment, reference))

type References = Reference | ReadonlyArray<Reference>

const isList = (references: References): references is ReadonlyArray<Reference> =>
  readable("reference", () => Array.isArray(references))

/** All as of one moment, each of them once. */
const versionsOf = Effect.fnUntraced(function* (
  now: Now,
  references: References,
): Effect.fn.Return<ReadonlyArray<ArtifactVersion>, DaybookError> {
  if (!isList(references)) return [yield* versionOf(now, references)]
  const list = yield* parsedInput(() => {
    const given = readable("reference", () => Array.from(references))
    if (given.length === 0) refuse("reference", "is an empty list: name a version")
    checkCount("compositeCountMax", compositeCountMax, given.length)
    return given
  })
  const moment = yield* now
  const found = new Map<string, ArtifactVersion>()
  for (const reference of list) {
    const version = yield* queries.getVersion(moment, reference)
    found.set(version.id, version)
  }
  return [...found.values()]
})

/** Reads that go on to the blobs. */
const contentReads = (engine: Engine, now: Now) => ({
  load: Effect.fn("Ledger.load")(function* (reference: Reference, options: LoadOptions = {}) {
    const of = yield* parsedInput(() => {
      checkOptions(options, optionKeys.load)
      checkAs(options.as)
      const check = parseCheck(options.check)
      return { reference: withVersion(reference, options.version), check }
    })
    const version = yield* versionOf(now, of.reference)
    if (options.as === undefined && version.materializer === pathMaterializer)
      return yield* loadPath(engine, version, of.check)
    const opened = yield* openContent(engine, version, of.check)
    return yield* loadValue(opened, engine.materializers, version, options.as)
  }),
  checkout: Effect.fn("Ledger.checkout")(function* (
    reference: Reference,
    directory: string,
    options: CheckOptions = {},
  ) {
    const check = yield* parsedInput(() => {
      checkOptions(options, ["check", "signal"])
      return parseCheck(options.check)
    })
    return yield* checkout(engine, yield* versionOf(now, reference), directory, check)
  }),
  open: (reference: Reference, path?: string, options: FileOptions = {}) =>
    Stream.unwrap(
      Effect.gen(function* () {
        yield* parsedInput(() => checkOptions(options, optionKeys.open))
        const version = yield* versionOf(now, reference)
        // One file: what is read of it is checked, and the others are no business of the call.
        const opened = yield* openContent(engine, version, "none")
        return openFile(opened, version, path, options.range)
      }),
    ),
  drift: Effect.fn("Ledger.drift")(function* (reference: Reference, options: DriftOptions = {}) {
    return yield* findDrift(engine, yield* versionOf(now, reference), options)
  }),
  zip: Effect.fn("Ledger.zip")(function* (references: References, options: ZipOptions = {}) {
    const plan = yield* parsedInput(() => {
      checkOptions(options, optionKeys.zip)
      return parseZip(options)
    })
    return yield* archiveOf(engine, yield* versionsOf(now, references), plan)
  }),
  download: Effect.fn("Ledger.download")(function* (
    references: References,
    path: string,
    options: DownloadOptions & ZipOptions = {},
  ) {
    const plan = yield* parsedInput(() => parseDownload(options))
    const target = yield* checkTarget(path, options.overwrite === true)
    const archive = yield* archiveOf(engine, yield* versionsOf(now, references), plan)
    return yield* download(archive, target, options)
  }),
})

/** A reader whose moment is found by `now` at each call. */
export const makeReader = (engine: Engine, now: Now): ReaderApi<"effect"> => {
  const explained = explaining(now)
  const ask = <A>(query: (moment: Moment) => Effect.Effect<A, DaybookError>) =>
    explained(Effect.flatMap(now, query))
  const tell = (query: (moment: Moment) => ReturnType<typeof queries.replay>) =>
    Stream.map(Stream.unwrap(Effect.map(now, query)), published)
  const list =
    <Q, A>(
      query: (
        at: (position: number | undefined) => Moment,
        value: Q | undefined,
      ) => Effect.Effect<Page<A>, DaybookError>,
    ) =>
    (value?: Q) =>
      ask((moment) => {
        const at = (position: number | undefined) =>
          position === undefined ? moment : momentAt(engine, Math.min(position, moment.position))
        return query(at, value)
      })
  const reader = {
    get: (reference: Reference) => ask((moment) => queries.getVersion(moment, reference)),
    artifact: (name: string) => ask((moment) => queries.getArtifact(moment, name)),
    listArtifacts: list(queries.listArtifacts),
    listVersions: list(queries.listVersions),
    listTags: list(queries.listTags),
  }
  const content = contentReads(engine, now)
  return {
    ...reader,
    find: (reference) => orUndefined(now, (moment) => queries.getVersion(moment, reference)),
    findArtifact: (name) => orUndefined(now, (moment) => queries.getArtifact(moment, name)),
    findTag: (name) =>
      ask((moment) =>
        Effect.map(
          parsedInput(() => tagName(name, "tag")),
          (checked) => {
            const row = moment.views.view(tags).get(["name", checked])
            return row === undefined ? undefined : toTag(row)
          },
        ),
      ),
    artifacts: (query) => everyEntry(reader.listArtifacts, query),
    versions: (query) => everyEntry(reader.listVersions, query),
    tags: (query) => everyEntry(reader.listTags, query),
    history: (target, options) => tell((moment) => queries.history(moment, target, options)),
    replay: (query) => tell((moment) => queries.replay(moment, query)),
    metadataHistory: (target, key) => ask((moment) => queries.metadataHistory(moment, target, key)),
    metadataSeries: (artifact, key) =>
      ask((moment) => queries.metadataSeries(moment, artifact, key)),
    load: ((reference: Reference, options?: LoadOptions) =>
      explained(content.load(reference, options))) as ReaderApi<"effect">["load"],
    open: content.open,
    drift: (reference, options) => explained(content.drift(reference, options)),
    checkout: (reference, directory, options) =>
      explained(content.checkout(reference, directory, options)),
    zip: (reference, options) => explained(content.zip(reference, options)),
    download: (reference, path, options) => explained(content.download(reference, path, options)),
    view: (projection) => projectionView(now, engine, projection),
  }
}

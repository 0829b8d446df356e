/**
 * Names that something changed: references, paths of entries, and the paths that callers give to
 * each door that takes one. Each is refused by name, or means what it says: one version, or a place
 * that nothing leads out of. Nothing from outside is read, nothing that was there is changed, and
 * no name takes longer than its length.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join, posix, resolve, win32 } from "node:path"
import * as fc from "fast-check"
import { strFromU8, unzipSync } from "fflate"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { entryPath } from "../directory/names.js"
import { isDaybookError, isFailure } from "../errors.js"
import { artifactNameProblem, isId, tagNameProblem, versionLabelProblem } from "../model/names.js"
import { isRelativePath, pathProblem } from "../model/path.js"
import { isProblem, type ParsedReference, parseReference, parseTarget } from "../model/reference.js"
import { foreignPath } from "../zip/foreign-name.js"
import { forge } from "../zip/forged.contract.js"
import { runs, seed } from "./fuzz.contract.js"
import { watchReads } from "./hang.contract.js"
import { stamps } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const reads = watchReads()
afterAll(reads.end)

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

/** What separates, climbs, ends, looks alike, or is no character at all. */
const tokens = [
  ...["@", "/", "\\", "..", ".", "~", ":", "C:", "%2e%2e%2f", "?", "#", ";", "*", "|", "$(id)"],
  ...["\u0000", "\n", "\u0085", "\u2028", "\u202e", "\ufeff", "\u200b", " ", "\t"],
  ...["\ud800", "\udc00", "e\u0301", "\u212b", "\u017f", "\u212a", "\uff0e\uff0e\uff0f", "\u2215"],
  ...["__proto__", "constructor", "latest", "0", "007", "9007199254740993", "-1", "1e3", "NaN"],
  ...[id, id.toLowerCase(), id.slice(0, 25), "con", "nul.txt", "file://", "blob:", "\u{1f600}"],
]

/** One change of a text, by numbers, so that it can be made smaller. */
type Edit = readonly [kind: number, at: number, length: number, which: number]
const edit: fc.Arbitrary<Edit> = fc.tuple(fc.nat({ max: 4 }), fc.nat(), fc.nat(), fc.nat())

const edited = (text: string, [kind, a, b, c]: Edit): string => {
  const at = a % (text.length + 1)
  const to = Math.min(text.length, at + (b % 8))
  const [before, after] = [text.slice(0, at), text.slice(at)]
  const token = tokens[c % tokens.length] ?? ""
  if (kind === 0) return before + token + after
  if (kind === 1) return before + token + text.slice(to)
  if (kind === 2) return before + text.slice(to)
  if (kind === 3) return text.slice(0, to) + after
  return before + token.repeat(1 + (b % 300)) + after
}

/** Texts that begin as one of these. */
const textsFrom = (...valid: ReadonlyArray<string>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...valid), fc.array(edit, { maxLength: 4 }))
    .map(([text, edits]) => edits.reduce(edited, text))

/** What a reader of names makes of it, in time. */
const timed = <A>(name: string, read: () => A): A => {
  const end = reads.begin(`${name}, FUZZ_SEED=${seed}`)
  try {
    return read()
  } finally {
    end()
  }
}

const references = textsFrom("iris", "iris@7", "iris@raw_2023", "é@latest", id, `${id}@1`, "a/b@c")

const printed = (parsed: ParsedReference): string => {
  if (parsed.by === "id") return parsed.id
  if (parsed.by === "text") return parsed.text
  return `${parsed.name}@${parsed.by === "latest" ? "latest" : parsed.selector}`
}

const isSound = (parsed: ParsedReference): void => {
  if (parsed.by === "id") expect(isId(parsed.id)).toBe(true)
  else expect(artifactNameProblem(parsed.by === "text" ? parsed.text : parsed.name)).toBe(undefined)
  if (parsed.by === "selector") expect(versionLabelProblem(parsed.selector)).toBe(undefined)
  // It means the same when it is written down and read again.
  expect(parseReference(printed(parsed))).toEqual(parsed)
}

describe(`references that were changed (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  it("are refused, or mean what they say", { timeout: 3_600_000 }, () => {
    const property = fc.property(references, (text) => {
      const parsed = timed("a reference", () => parseReference(text))
      if (isProblem(parsed)) {
        expect(parsed.problem).not.toBe("")
        expect(parsed.reference.length).toBeLessThanOrEqual(Math.max(600, text.length))
        return
      }
      isSound(parsed)
      if (parsed.by !== "id") expect(printed(parsed)).toBe(text)
      else expect(parsed.id).toBe(text.toUpperCase())
    })
    return fc.assert(property, { numRuns: runs, seed })
  })

  it("as records and targets are refused, or mean what they say", { timeout: 3_600_000 }, () => {
    const key = fc.constantFrom("id", "name", "version", "artifact", "tag", "__proto__", "toString")
    const one = fc.oneof(references, fc.double(), fc.integer(), fc.constant(null))
    const record = fc
      .array(fc.tuple(key, one), { maxLength: 3 })
      .map(
        (all) =>
          JSON.parse(
            `{${all.map((pair) => pair.map((part) => JSON.stringify(part)).join(":")).join(",")}}`,
          ) as object,
      )
    const property = fc.property(record, (given) => {
      const parsed = timed("a record", () => parseReference(given))
      if (isProblem(parsed)) expect(parsed.problem).not.toBe("")
      else isSound(parsed)
      const target = timed("a target", () => parseTarget(given))
      if (isProblem(target)) {
        expect(target.problem).not.toBe("")
        return
      }
      if (target.kind === "version") expect(target.reference).toEqual(parsed)
      if (target.kind === "artifact") expect(artifactNameProblem(target.name)).toBe(undefined)
      if (target.kind === "tag") expect(tagNameProblem(target.name)).toBe(undefined)
    })
    return fc.assert(property, { numRuns: runs, seed })
  })

  it("of a million characters take no longer than their length", () => {
    for (const token of tokens) {
      const long = token.repeat(1_000_000 / token.length)
      for (const text of [long, `iris@${long}`, `${long}@1`]) {
        expect(timed("a long reference", () => parseReference(text))).toHaveProperty("problem")
        expect(timed("a long path", () => pathProblem(text))).toBeDefined()
      }
    }
  })
})

const entryPaths = textsFrom("a", "a/b.txt", "d/e/f/g", "été/😀", "...", "d/..a", "x".repeat(250))

/** Whether it stays below a folder, by the rules of both kinds of systems. */
const staysBelow = (path: string): boolean =>
  posix.resolve("/base", path) === `/base/${path}` &&
  win32.resolve("C:\\base", path) === `C:\\base\\${path.replaceAll("/", "\\")}`

describe(`paths of entries that were changed (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  it("are refused, or stay in their folder", { timeout: 3_600_000 }, () => {
    const property = fc.property(entryPaths, (path) => {
      const problem = timed("a path", () => pathProblem(path))
      if (problem !== undefined) {
        expect(problem).not.toBe("")
        return
      }
      expect(staysBelow(path)).toBe(true)
      expect([path.isWellFormed(), path.normalize("NFC")]).toEqual([true, path])
      expect(Buffer.from(path).toString("utf8")).toBe(path)
    })
    return fc.assert(property, { numRuns: runs, seed })
  })

  it("as names on the disk or in archives are no other paths", { timeout: 3_600_000 }, () => {
    const property = fc.property(entryPaths, fc.array(fc.nat(255)), (path, noise) => {
      for (const read of [
        () => foreignPath(path),
        () => entryPath("", Buffer.from(path)),
        () => entryPath("d/", Buffer.from([...Buffer.from(path), ...noise])),
      ]) {
        let found: string
        try {
          found = timed("a name", read)
        } catch (thrown) {
          if (!isDaybookError(thrown)) throw thrown
          expect(thrown.message).not.toMatch(/[\u0000-\u001f]/)
          continue
        }
        expect(isRelativePath(found)).toBe(true)
      }
    })
    return fc.assert(property, { numRuns: runs, seed })
  })
})

const secret = "only outside"
let home = ""
let ledger: PromiseLedger
const at = (...names: ReadonlyArray<string>): string => join(home, ...names)

beforeAll(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "daybook-name-fuzz-")))
  for (const name of ["data/run/d", "data-secrets", "outside", "out"])
    mkdirSync(at(name), { recursive: true })
  for (const name of ["data/run/a.txt", "data/run/d/b.txt"]) writeFileSync(at(name), "inside")
  for (const name of ["data-secrets/key", "outside/key"]) writeFileSync(at(name), secret)
  symlinkSync("../outside", at("data", "way"))
  symlinkSync("../../outside/key", at("data", "run", "link"))
  writeFileSync(at("outside", "a.zip"), forge([{ name: "key", content: secret }]))
  ledger = await openLedger({ memory: true, roots: { data: at("data") } })
  await ledger.register(at("data", "run"), { name: "run", mode: "copy" })
})
afterAll(async () => {
  await ledger.close()
  rmSync(home, { recursive: true })
})

/** The answer, or undefined where it was refused by an error of the caller's. */
const attempt = async <A>(act: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await act()
  } catch (thrown) {
    if (!isDaybookError(thrown) || (isFailure(thrown) && thrown._tag !== "FileFailure"))
      throw thrown
    return undefined
  }
}

const bytesOf = async (bytes: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Array<Uint8Array> = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}

const textOf = async (bytes: AsyncIterable<Uint8Array>): Promise<string> =>
  (await bytesOf(bytes)).toString("utf8")

const names = ["data", "run", "d", "a.txt", "way", "link", "outside", "key", "data-secrets", "out"]
const steps = fc.array(fc.constantFrom(...names, "..", ".", "", "a.zip"), { maxLength: 6 })
/** Paths from the top, made of what is there, and changed. */
const places = fc
  .tuple(
    fc.constantFrom("", "data", "data/run", "outside", "out"),
    steps,
    fc.array(edit, { maxLength: 1 }),
  )
  .map(([begin, rest, edits]) => [home, begin, edits.reduce(edited, rest.join("/"))].join("/"))

const some = Math.ceil(runs / 5)

describe(`paths of callers that were changed (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  let before: ReadonlyArray<string> = []
  beforeEach(() => {
    before = stamps(home)
  })
  const unchanged = () => expect(stamps(home)).toEqual(before)

  it("register what lies below a root, or nothing", { timeout: 3_600_000 }, async () => {
    const modes = fc.constantFrom("copy" as const, "link" as const)
    const property = fc.asyncProperty(places, modes, async (path, mode) => {
      const { position } = ledger
      const version = await attempt(() => ledger.register(path, { name: "x", mode }))
      expect(ledger.position).toBe(version === undefined ? position : position + 1)
      if (version === undefined) return
      // As the system goes: the other one takes `..` for the folder before it, symlinks too.
      const real = realpathSync.native(path)
      expect(real === at("data") || real.startsWith(`${at("data")}/`)).toBe(true)
      for (const { kind, path: file } of version.content.entries ?? [])
        if (kind === "file") expect(await textOf(ledger.open(version, file))).toBe("inside")
    })
    await fc.assert(property, { numRuns: some, seed })
    unchanged()
  })

  it("import what lies below a root, or nothing", { timeout: 3_600_000 }, async () => {
    const property = fc.asyncProperty(places, async (path) => {
      expect(await attempt(() => ledger.importZip(path, { name: "y" }))).toBe(undefined)
    })
    await fc.assert(property, { numRuns: some, seed })
    expect(await attempt(() => ledger.importZip(at("outside", "a.zip"), { name: "y" }))).toBe(
      undefined,
    )
    unchanged()
  })

  it("open and zip files of their version, or nothing", { timeout: 3_600_000 }, async () => {
    const paths = textsFrom("a.txt", "d/b.txt", "link", "../../outside/key", at("outside/key"))
    const property = fc.asyncProperty(paths, async (path) => {
      const text = await attempt(() => textOf(ledger.open("run", path)))
      if (text !== undefined)
        expect([path, text]).toEqual([expect.stringMatching(/^(a|d\/b)\.txt$/), "inside"])
      for (const options of [{ only: path }, { prefix: path }]) {
        const archive = await attempt(() => ledger.zip("run", options))
        if (archive === undefined) continue
        expect(isRelativePath(path.replace(/\/$/, ""))).toBe(true)
        const files = unzipSync(await bytesOf(archive.stream()))
        const found = Object.values(files).map((bytes) => strFromU8(bytes))
        expect(["inside", "../../outside/key"]).toEqual(expect.arrayContaining(found))
      }
    })
    await fc.assert(property, { numRuns: some, seed })
    unchanged()
  })

  it("are written to where nothing was, or not at all", { timeout: 3_600_000 }, async () => {
    // What lies elsewhere on this machine is nobody's to write to.
    const here = places.filter((path) => resolve(path).startsWith(`${home}/`))
    const property = fc.asyncProperty(here, async (path) => {
      const [written, archive] = [`${path}/new`, `${path}/new.zip`]
      const out = await attempt(() => ledger.checkout("run", written))
      if (out !== undefined) {
        expect(readdirSync(out.path).sort()).toEqual(["a.txt", "d", "link"])
        rmSync(out.path, { recursive: true })
      }
      const file = await attempt(() => ledger.download("run", archive))
      if (file !== undefined) {
        expect(readFileSync(file.path).subarray(0, 2).toString()).toBe("PK")
        rmSync(file.path)
      }
      // What is there already stays, whatever it is.
      await attempt(() => ledger.checkout("run", path)).then((done) => {
        if (done !== undefined) rmSync(done.path, { recursive: true })
        if (done?.path === at("out")) mkdirSync(done.path)
      })
      expect(readFileSync(at("outside", "key"), "utf8")).toBe(secret)
    })
    await fc.assert(property, { numRuns: some, seed })
    const files = (all: ReadonlyArray<string>) => all.map((stamp) => stamp.split(" ")[0])
    expect(files(stamps(home))).toEqual(files(before))
  })
})

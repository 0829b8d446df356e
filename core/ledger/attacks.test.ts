/**
 * Attacks that others were hit by, each tried on a ledger by its doors: what it names is refused or
 * taken for what it is, nothing outside is read or written, and nothing is stored.
 *
 * The numbers are those under which the attack became known elsewhere. The table in the design note
 * says which further tests belong to each.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { strFromU8, unzipSync } from "fflate"
import { beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { type CoreEvents, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Content } from "../model/artifact.js"
import { digestOf } from "../model/digest.js"
import { uri } from "../model/metadata.js"
import type { RelativePath } from "../model/path.js"
import type { TreeEntry } from "../model/tree.js"
import { type Forged, forge } from "../zip/forged.contract.js"
import { folder as folders } from "./folder.contract.js"
import { MemoryPlace, opened, stamps, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

const secret = "only outside"

let home = ""
let ledger: PromiseLedger
let before: ReadonlyArray<string> = []
const at = (...names: ReadonlyArray<string>): string => join(home, ...names)
const outside = (): ReadonlyArray<string> => stamps(at("outside"))

beforeEach(async () => {
  home = temporary()
  for (const name of ["data/run/d", "data-secrets", "outside"])
    mkdirSync(at(name), { recursive: true })
  for (const name of ["data/run/a.txt", "data/run/d/b.txt"]) writeFileSync(at(name), `in ${name}`)
  for (const name of ["data-secrets/key", "outside/key"]) writeFileSync(at(name), secret)
  before = outside()
  const directory = at("ledger")
  ledger = await opened({ directory, roots: { data: at("data") }, materializers: [folders] })
})

const filesIn = (archive: Uint8Array): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(unzipSync(archive)).map(([path, bytes]) => [path, strFromU8(bytes)]),
  )

/** Each act is refused as the caller's mistake; nothing is stored, and the outside is as it was. */
const refused = async (...acts: ReadonlyArray<() => Promise<unknown>>): Promise<void> => {
  const { position } = ledger
  for (const [index, act] of acts.entries())
    await expect(act(), `act ${index}`).rejects.toMatchObject({ _tag: "InvalidInput" })
  expect(ledger.position).toBe(position)
  expect(await ledger.findArtifact("x")).toBeUndefined()
  expect(outside()).toEqual(before)
}

/** Ways out of a folder that were tried elsewhere, those around an earlier fix among them. */
const escapes: Readonly<Record<string, ReadonlyArray<string>>> = {
  "dots (CVE-2023-30172)": ["../../outside/key", "../..", "d/../../../outside/key", "./../key"],
  "back-slashes (CVE-2023-1177)": [
    "..\\..\\outside\\key",
    "d\\..\\..\\key",
    "\\\\host\\share\\key",
  ],
  "drives (CVE-2023-3765)": ["C:\\outside\\key", "C:/outside/key", "c:key", "file:///outside/key"],
  "the root (CVE-2023-2356)": ["/etc/passwd", "//etc/passwd", "/../outside/key"],
  "nulls and line ends": ["a.txt\u0000/../../outside/key", "a.txt\r\n", "a.txt\u0000.zip"],
  "what once got around a check (CVE-2023-2780)": [
    ...["....//....//outside/key", "..;/outside/key", "a.txt/../../../outside/key", "d//../../key"],
    ...["..\u2215outside", "\uff0e\uff0e/outside", ".. /outside/key", "..%00/outside/key"],
  ],
  "two layers of code (CVE-2024-1560, CVE-2024-1558)": [
    ...["%2e%2e/%2e%2e/outside/key", "..%2f..%2foutside%2fkey", "%252e%252e%252foutside%252fkey"],
  ],
  "queries, fragments and parameters (CVE-2023-6909, CVE-2024-2928, CVE-2024-1593)": [
    ...[
      "a.txt?/../../../outside/key",
      "a.txt#/../../../outside/key",
      "a.txt;/../../../outside/key",
    ],
    ...["?path=../../outside/key", "#../../outside/key", ";../../outside/key"],
  ],
}

describe.each(Object.entries(escapes))("out of a folder by %s", (_, paths) => {
  it("nothing is opened, zipped or registered", async () => {
    await ledger.register(at("data", "run"), { name: "run" })
    for (const path of paths) {
      await refused(
        () => buffer(ledger.open("run", path)),
        () => ledger.zip("run", { only: path }),
        () => ledger.register(`${at("data", "run")}/${path}`, { name: "x" }),
        () => ledger.register(`${at("data", "run")}/${path}`, { name: "x", mode: "copy" }),
        () => ledger.importZip(`${at("data", "run")}/${path}`, { name: "x" }),
      )
    }
  })

  it("no archive brings a file, and no value is kept as one", async () => {
    for (const [index, name] of paths.entries()) {
      const target = join(temporary(), "in", "out")
      mkdirSync(join(target, ".."))
      // A name that only looks so is a name, and lies in the folder.
      const taken = ledger.importZip(forge([{ name, content: "evil" }]), { name: `n${index}` })
      const version = await taken.catch((error: unknown) => {
        expect(error).toMatchObject({ _tag: "InvalidInput" })
      })
      if (version) {
        await ledger.checkout(version, target)
        expect(readdirSync(join(target, "..", ".."))).toEqual(["in"])
        expect(readdirSync(join(target, ".."))).toEqual(["out"])
      }
      const saved = ledger.save("y", { [name]: "evil" }, { materializer: "folder" })
      await saved.catch((error: unknown) => error)
      expect(outside()).toEqual(before)
      expect(readdirSync(home).sort()).toEqual(["data", "data-secrets", "ledger", "outside"])
    }
  })
})

describe("names of artifacts, versions and files", () => {
  it("never become names of files in the ledger (CVE-2023-6018, CVE-2026-91771)", async () => {
    const names = [
      "../../outside/key",
      "/etc/passwd",
      "..",
      "ledger.json",
      "tip",
      "a/b/c",
      "..\\key",
    ]
    const files = () => readdirSync(at("ledger"), { recursive: true, encoding: "utf8" }).sort()
    const known = files()
    for (const name of names) {
      await ledger.save(name, "evil", { version: name })
      await ledger.importZip(forge([{ name: "tip", content: "evil" }]), { name })
      expect(filesIn(await buffer((await ledger.zip(name)).stream()))).toEqual({ tip: "evil" })
    }
    expect(files().filter((path) => !/\.(log|ldb|pack)$|LOG|MANIFEST|checked/.test(path))).toEqual(
      known.filter((path) => !/\.(log|ldb|pack)$|LOG|MANIFEST|checked/.test(path)),
    )
    expect(outside()).toEqual(before)
  })

  it("are no paths and no headers in the name of an archive (CVE-2024-0520)", async () => {
    for (const name of ["../../key", "/etc/passwd", "C:\\key", 'a"; filename="b', "a\u202egpj"]) {
      await ledger.save(name, "text")
      const { filename } = await ledger.zip(name)
      expect(filename).toMatch(/^[\p{L}\p{N}._-]+\.zip$/u)
    }
    const files = ["a\r\nX: y", "a\u0000b"]
    for (const name of files) await refused(() => ledger.save(name, "text"))
  })
})

describe("what is checked is what is used (CVE-2024-1558)", () => {
  it("though an option says something else each time it is read", async () => {
    await ledger.register(at("data", "run"), { name: "run" })
    for (const first of ["safe", "../../evil"]) {
      let reads = 0
      const options = {
        get prefix() {
          reads += 1
          return reads % 2 === 1 ? first : "../evil"
        },
      }
      const archive = await ledger.zip("run", options).catch((error: unknown) => {
        expect(error).toMatchObject({ _tag: "InvalidInput" })
      })
      const names = archive ? Object.keys(filesIn(await buffer(archive.stream()))) : []
      expect(names.filter((name) => name.includes(".."))).toEqual([])
    }
  })

  it("though a path is an object that becomes a text", async () => {
    let reads = 0
    const path = { toString: () => (reads++ === 0 ? at("data", "run") : at("outside")) } as never
    await refused(
      () => ledger.register(path, { name: "x" }),
      () => ledger.importZip(path, { name: "x" }),
      () => ledger.checkout("run", path).catch(() => ledger.register(path, { name: "x" })),
    )
    expect(reads).toBe(0)
  })
})

describe("addresses", () => {
  it("are texts: no scheme is asked, and no server (CVE-2024-8859, CVE-2026-2393)", async () => {
    let asked = 0
    const server = createServer((_, response) => {
      asked += 1
      response.end(forge([{ name: "key", content: secret }]))
    }).listen(0, "127.0.0.1")
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once("listening", resolve))
    const { port } = server.address() as AddressInfo
    const schemes = ["http", "https", "ftp", "s3", "file", "blob", "dir", "data"]
    for (const scheme of schemes) {
      const address = `${scheme}://127.0.0.1:${port}/a.zip?x=/../../outside`
      await refused(
        () => ledger.importZip(address, { name: "x" }),
        () => ledger.register(address, { name: "x" }),
      )
      const version = await ledger.save("kept", address, { metadata: { source: uri(address) } })
      expect(await ledger.load(version)).toBe(address)
      expect((await ledger.get(version)).metadata.source).toEqual(uri(address))
    }
    expect(asked).toBe(0)
  })
})

describe("tags and metadata", () => {
  it("switch no check off, whatever they say (CVE-2026-2614)", async () => {
    const said = {
      tags: ["trusted", "check:none", "no-roots"],
      metadata: { check: "none", roots: null, source: at("outside"), trusted: true },
      saveType: "external",
    } as const
    await refused(
      () => ledger.register(at("outside"), { name: "x", ...said }),
      () => ledger.importZip(forge([{ name: "../evil" }]), { name: "x", ...said }),
    )
    await ledger.register(at("data", "run"), { name: "run", ...said })
    writeFileSync(at("data", "run", "a.txt"), "forged")
    await expect(ledger.load("run")).rejects.toMatchObject({ _tag: "ContentDrifted" })
    await expect(buffer(ledger.open("run", "a.txt"))).rejects.toMatchObject({
      _tag: "ContentDrifted",
    })
  })
})

describe("content", () => {
  it("is never run, whatever it is called (CVE-2026-116692)", async () => {
    const code = "globalThis.attacked = true; export default globalThis.attacked"
    for (const name of ["index.js", "setup.mjs", "package.json", "__init__.py", "conda.yaml"])
      writeFileSync(at("data", "run", name), code)
    const path = await ledger.load(await ledger.register(at("data", "run"), { name: "code" }))
    expect(readFileSync(join(path, "index.js"), "utf8")).toBe(code)
    expect(await ledger.load(await ledger.save("text", code))).toBe(code)
    const copy = await ledger.register(at("data", "run"), { name: "copy", mode: "copy" })
    await ledger.load(copy)
    const materializers = [
      "../evil.js",
      "node:fs",
      join(path, "index.js"),
      "data:text/javascript,1",
    ]
    for (const materializer of materializers)
      await refused(() => ledger.save("x", code, { materializer }))
    expect(globalThis).not.toHaveProperty("attacked")
  })

  it("has no way to a program, to the network or to a compiler (CVE-2025-68143)", () => {
    const core = fileURLToPath(new URL("..", import.meta.url))
    const sources = readdirSync(core, { recursive: true, encoding: "utf8" }).filter(
      (path) => path.endsWith(".ts") && !/\.(test|contract)\.ts$/.test(path),
    )
    const ways = /"node:(child_process|net|http2?|https|dgram|tls|dns|vm|worker_threads|inspector)/
    const runs = /\bimport\(|\beval\(|\bnew Function\b|\brequire\(|\bfetch\(/
    const found = sources.filter((path) => {
      const text = readFileSync(core + path, "utf8").replace(/^\s*(\*|\/\/).*$/gm, "")
      return ways.test(text) || runs.test(text)
    })
    expect(sources.length).toBeGreaterThan(200)
    // Threads load modules of the library alone, each by the address that it has itself.
    expect(found.sort()).toEqual(["thread/threads.ts", "thread/worker.ts"])
    const works = sources.filter((path) => / Work<.*> = \{/.test(readFileSync(core + path, "utf8")))
    expect(works.length).toBeGreaterThan(2)
    for (const path of works)
      expect(readFileSync(core + path, "utf8")).toContain("{ module: import.meta.url, answer }")
  })
})

describe("archives that are no zip, or not only one (CVE-2025-15031)", () => {
  it("are refused before anything of them is kept", async () => {
    const tar = Buffer.alloc(2_048)
    tar.write("../../outside/key")
    tar.write("ustar", 257)
    const link = (name: string, content: string): Forged => ({ name, content, mode: 0o120777 })
    const zip = forge([{ name: "good", content: "good" }])
    const shapes: ReadonlyArray<Uint8Array> = [
      tar,
      Buffer.concat([tar, zip]),
      Buffer.concat([zip, tar]),
      Buffer.from("1f8b0800000000000003", "hex"),
      forge([link("out", at("outside")), { name: "out/evil", content: "evil" }]),
      forge([link("a", "."), link("a/b", at("outside")), { name: "a/b/evil", content: "evil" }]),
      forge([link("evil", at("outside", "key")), { name: "evil", content: "evil" }]),
      forge([{ name: "pipe", mode: 0o010644 }]),
    ]
    for (const bytes of shapes) await refused(() => ledger.importZip(bytes, { name: "x" }))
  })
})

describe("symlinks in the ledger itself (PR 18964)", () => {
  const files = ["tip", "reserve", "making", "lock/owner", "view/reached", "blob/damaged"]

  it.each([...files, "blob/damaged.tmp", "tmp"])(
    "in the place of %s lead no write outside",
    async (name) => {
      await ledger.save("kept", "text")
      await ledger.close()
      const place = at("ledger", name)
      rmSync(place, { recursive: true, force: true })
      symlinkSync(name === "tmp" ? at("outside") : at("outside", "key"), place)
      // It works, or says what is wrong; it does not matter which.
      await attemptAll()
      expect(outside()).toEqual(before)
      expect(readFileSync(at("outside", "key"), "utf8")).toBe(secret)
    },
  )

  it("that lead nowhere yet make nothing there", async () => {
    await ledger.close()
    for (const name of ["tip", "reserve", "lock/owner", "view/reached", "blob/damaged.tmp"]) {
      rmSync(at("ledger", name), { force: true })
      symlinkSync(at("outside", "new"), at("ledger", name))
      await attemptAll()
      expect(existsSync(at("outside", "new")), name).toBe(false)
      rmSync(at("ledger", name), { force: true })
    }
    expect(outside()).toEqual(before)
  })

  /** What a writer does to the files around its ledger. */
  const attemptAll = async (): Promise<void> => {
    const again = await opened(at("ledger")).catch((error: unknown) => {
      expect(error).toHaveProperty("_tag")
    })
    if (!again) return
    await again.save("more", "x".repeat(100))
    await again.sweep({ undoDays: 0 })
    await again.close()
  }
})

type Saved = CoreEvents["version-saved"]

/** A ledger whose event says something else of the content of its one version, all in form. */
const tampered = async (change: (content: Content) => object): Promise<MemoryPlace> => {
  const place = new MemoryPlace(0)
  const roots = { data: at("data") }
  await place.use((one) => one.register(at("data", "run"), { name: "run" }), { roots })
  const codec = makeCodec(catalog)
  const records = place.records.map((body) => {
    const event = codec.decode(body)
    if (event.type !== "version-saved") return body
    const data = event.data as Saved
    const content = { ...data.content, ...change(data.content as Content) }
    return codec.encode({ ...event, data: { ...data, content } })
  })
  return new MemoryPlace({ identity: place.identity, records, blobs: place.blobs })
}

/** How everything that reads the content of that version fails. */
const failures = (place: MemoryPlace): Promise<ReadonlyArray<string>> =>
  place.use(
    Effect.fnUntraced(function* (one) {
      const reads = [
        one.load("run"),
        one.checkout("run", at("out")),
        one.zip("run"),
        one.drift("run", { check: "hash" }),
      ]
      const tags: Array<string> = []
      for (const read of reads)
        tags.push(
          yield* Effect.match(read as Effect.Effect<unknown, { readonly _tag: string }>, {
            onSuccess: () => "read",
            onFailure: ({ _tag }) => _tag,
          }),
        )
      return tags
    }),
    { roots: { data: at("data") } },
  )

describe("a ledger of somebody else", () => {
  it("is not believed where it says that a folder lies (CVE-2024-2083)", async () => {
    for (const link of [
      { root: "data", path: "../outside" },
      { root: "data", path: "run/../../outside" },
      { root: "data", path: "run\u0000" },
      { root: "other", path: "run" },
      { path: at("outside") },
      { path: "outside" },
    ]) {
      const place = await tampered(() => ({ link }))
      expect(await failures(place), JSON.stringify(link)).toEqual(Array(4).fill("InvalidInput"))
    }
    expect([outside(), existsSync(at("out"))]).toEqual([before, false])
  })

  const entry = (path: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
    path: path as RelativePath,
    kind: "file",
    size: 4,
    digest: digestOf(Buffer.from("evil")),
    ...more,
  })
  const link = { kind: "symlink", target: "../outside" } as const
  const trees: Readonly<Record<string, ReadonlyArray<TreeEntry>>> = {
    "a file below a symlink": [entry("out", link), entry("out/key")],
    "one name twice": [entry("out", link), entry("out")],
    "a file below a file": [entry("a"), entry("a/b")],
  }

  it.each(Object.entries(trees))("is not believed where its tree has %s", async (_, entries) => {
    const place = await tampered(() => ({ entries, link: undefined, states: undefined }))
    const [load, checkout, zip] = await failures(place)
    expect([load, checkout, zip]).toEqual(Array(3).fill("BlobCorrupted"))
    expect([outside(), existsSync(at("out"))]).toEqual([before, false])
  })

  const paths = ["../outside/key", "/etc/passwd", "..\\key", "a\u0000b", ""]

  it.each(paths)("is not opened where it names a file %j (CVE-2026-91771)", async (path) => {
    const place = await tampered(() => ({ entries: [entry(path)], link: undefined }))
    await expect(failures(place)).rejects.toMatchObject({ _tag: "RecordCorrupted" })
    expect([outside(), existsSync(at("out"))]).toEqual([before, false])
  })
})

describe("what is left in place", () => {
  it("is read through no symlink that came later (GHSA-8xwf-rjm4-xvhv)", async () => {
    await ledger.register(at("data", "run"), { name: "run" })
    const archive = await ledger.zip("run")
    mkdirSync(at("outside", "d"))
    writeFileSync(at("outside", "d", "b.txt"), "in data/run/d/b.txt")
    renameSync(at("data", "run", "d"), at("data", "run", "moved"))
    symlinkSync(at("outside", "d"), at("data", "run", "d"))
    // Even where the bytes are the same.
    const drifted = { _tag: "ContentDrifted" }
    await expect(buffer(ledger.open("run", "d/b.txt"))).rejects.toMatchObject(drifted)
    await expect(buffer(archive.stream())).rejects.toMatchObject(drifted)
    await expect(ledger.checkout("run", at("out"))).rejects.toMatchObject(drifted)
    expect(existsSync(at("out"))).toBe(false)
  })

  it("belongs to a root by its components, not by its first letters (CVE-2025-53110)", async () => {
    symlinkSync(at("data-secrets"), at("data", "way"))
    for (const path of [
      at("data-secrets"),
      at("data-secrets", "key"),
      at("data", "way"),
      `${at("data")}-secrets/key`,
    ])
      for (const mode of ["copy", "link"] as const)
        await refused(() => ledger.register(path, { name: "x", mode }))
    // A link in a folder is kept as one, and its end is not looked at.
    symlinkSync(at("outside", "key"), at("data", "run", "link"))
    const { content } = await ledger.register(at("data", "run"), { name: "run", mode: "copy" })
    expect(content.entries?.find(({ path }) => path === "link")).toMatchObject({ kind: "symlink" })
    await refused(() => buffer(ledger.open("run", "link")))
    await ledger.checkout("run", at("out"))
    expect(readlinkSync(at("out", "link"))).toBe(at("outside", "key"))
  })
})

describe("names that objects have by themselves (CVE-2021-23413, CVE-2021-21368)", () => {
  it("come back, or are refused, and change no object", async () => {
    const names = ["__proto__", "constructor", "toString", "prototype", "2", "10", "hasOwnProperty"]
    const entries = names.map((name) => ({ name, content: name }))
    await ledger.importZip(forge(entries), { name: "names" })
    for (const name of names)
      expect((await buffer(ledger.open("names", name))).toString()).toBe(name)
    const polluting = JSON.parse('{"__proto__":{"polluted":1},"a":1}') as object
    await refused(
      () => ledger.save("x", polluting),
      () => ledger.save("x", 1, { metadata: polluting as never }),
    )
    expect({}).not.toHaveProperty("polluted")
  })
})

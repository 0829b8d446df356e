/**
 * Scans: what is found, in which order, and that a failure ends everything and leaves nothing open.
 */
import { execFileSync } from "node:child_process"
import { appendFileSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { fileReadBytes, scanLongCountMin } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { makeTree, parseManifest, summarizeTree, type TreeEntry } from "../model/tree.js"
import { attemptOn, type Reading, readAll } from "./asked.js"
import { digestFile } from "./file.js"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { openDirectory } from "./safe-path.js"
import { scan, scanFile } from "./scan.js"
import type { ScanSink } from "./sink.js"
import { parseStates } from "./states.js"

const directory = temporaryDirectory()

interface Kept {
  readonly files: Array<string>
  readonly manifests: Map<Digest, Uint8Array>
  readonly sink: ScanSink<"stop">
}

const keep = (take?: (reading: Reading) => ReturnType<ScanSink<"stop">["files"]>): Kept => {
  const files: Array<string> = []
  const manifests = new Map<Digest, Uint8Array>()
  const sink: ScanSink<"stop"> = {
    files: (reading) => {
      const { below, files: some } = reading
      files.push(...some.map(({ name }) => join(below.path, name)))
      return take?.(reading) ?? readAll(reading)
    },
    file: (scanned) => {
      files.push(scanned.path)
      return attemptOn("", () => digestFile(scanned, "")) as Effect.Effect<never>
    },
    taken: () => Effect.void,
    manifest: (parts) =>
      Effect.sync(() => {
        const bytes = Buffer.concat(parts)
        const digest = digestOf(bytes)
        manifests.set(digest, bytes)
        return digest
      }),
    longManifest: (parts) =>
      Effect.flatMap(
        Stream.runCollect(parts),
        (all) => sink.manifest([...all]) as Effect.Effect<Digest>,
      ),
    refuses: () => undefined,
  }
  return { files, manifests, sink }
}

const scanned = async ({ sink }: Kept) =>
  Effect.runPromise(scan(await openDirectory(directory()), sink))

const many = (count: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`d${at % 9}/${at % 2}/${at}`, `content ${at}`]),
  )

const entryOf = (path: string, content: string): TreeEntry => ({
  path: path as RelativePath,
  kind: "file",
  size: content.length,
  digest: digestOf(Buffer.from(content)),
})

describe("a scan", () => {
  it("gives the tree of its files, and holds manifests back where it is small", async () => {
    const files = { "a.txt": "a", "a/b": "b", "a-b": "c", "z/y/x": "d" }
    write(directory(), files)
    const kept = keep()
    const found = await scanned(kept)
    const tree = makeTree(Object.entries(files).map(([path, text]) => entryOf(path, text)))
    const { digest, manifests } = summarizeTree(tree)
    expect(found).toMatchObject({ digest, size: 4, count: 4, directories: 3 })
    expect(makeTree(found.entries ?? [])).toEqual(tree)
    expect(found.held).toHaveLength(manifests.length)
    expect([...kept.manifests.keys()]).not.toContain(digest)
  })

  it("gives away every manifest where it is large, of content and of states", async () => {
    const files = many(700)
    write(directory(), files)
    mkdirSync(join(directory(), "none"))
    const kept = keep()
    const found = await scanned(kept)
    const none = { path: "none" as RelativePath, kind: "directory", size: 0 } as const
    const tree = makeTree([
      ...Object.entries(files).map(([path, text]) => entryOf(path, text)),
      { ...none, digest: digestOf(new Uint8Array(0)) },
    ])
    const summary = summarizeTree(tree)
    expect(found).toMatchObject({ digest: summary.digest, count: 701, held: [], directories: 28 })
    expect(found.entries).toBeUndefined()
    for (const bytes of summary.manifests)
      expect(kept.manifests.get(digestOf(bytes))).toEqual(Buffer.from(bytes))
    const root = [...parseManifest(kept.manifests.get(found.digest) ?? Buffer.of(), "")]
    const states = [...parseStates(kept.manifests.get(found.states as Digest) ?? Buffer.of())]
    expect(states.map(({ name }) => name)).toEqual(root.map(({ path }) => path))
    expect(states.filter((state) => state.states === undefined).map(({ name }) => name)).toEqual([
      "none",
    ])
  })

  it("gives the same of a long directory, whose pages are not kept", async () => {
    const count = scanLongCountMin + 1
    for (let at = 0; at < count; at += 1) writeFileSync(join(directory(), `${at}`), "")
    const kept = keep()
    const found = await scanned(kept)
    const { digest } = summarizeTree(
      makeTree(Array.from({ length: count }, (_, at) => entryOf(`${at}`, ""))),
    )
    expect(found).toMatchObject({ digest, size: 0, count, entries: undefined, held: [] })
    const states = found.states && kept.manifests.get(found.states)
    expect(states && [...parseStates(states)]).toHaveLength(count)
    expect(kept.manifests.size).toBe(2)
  })

  it("notes what changed so short before that times cannot be trusted", async () => {
    write(directory(), { old: "o", new: "n" })
    utimesSync(join(directory(), "old"), 1e9, 1e9)
    const kept = keep()
    const found = await scanned(kept)
    const states = [...parseStates(kept.manifests.get(found.states as Digest) ?? Buffer.of())]
    expect(states.map(({ name, recent, mtime }) => [name, recent, mtime === 10n ** 18n])).toEqual([
      ["new", true, false],
      ["old", undefined, true],
    ])
  })

  it("is refused by what is no file, and by what is gone", async () => {
    execFileSync("mkfifo", [join(directory(), "pipe")])
    await expect(scanned(keep())).rejects.toMatchObject({
      _tag: "InvalidInput",
      message: expect.stringContaining("pipe is neither a file, a directory nor a symlink"),
    })
    const opened = await openDirectory(directory())
    await expect(Effect.runPromise(scanFile(opened, "gone", keep().sink))).rejects.toMatchObject({
      _tag: "ContentDrifted",
      path: join(directory(), "gone"),
    })
  })

  it("of one file looks at no other", async () => {
    write(directory(), { wanted: "w", other: "o", "d/wanted": "x" })
    const kept = keep()
    const opened = await openDirectory(directory())
    const found = await Effect.runPromise(scanFile(opened, "wanted", kept.sink))
    expect([found.count, kept.files]).toEqual([1, ["wanted"]])
  })

  it("ends at the first failure, and leaves nothing open", async () => {
    write(directory(), many(2_000))
    const before = await openFileCount()
    let groupCount = 0
    const slow = keep(() => {
      groupCount += 1
      return groupCount === 10 ? Effect.fail("stop") : Effect.never
    })
    const opened = await openDirectory(directory())
    await expect(Effect.runPromise(scan(opened, slow.sink))).rejects.toThrow("stop")
    expect(slow.files.length).toBeLessThan(1_300)
    expect(await openFileCount()).toBe(before)
  })

  it("that is interrupted leaves nothing open", async () => {
    write(directory(), many(100))
    const before = await openFileCount()
    const opened = await openDirectory(directory())
    const slow = keep(() => Effect.never)
    const fiber = Effect.runFork(scan(opened, slow.sink))
    while (slow.files.length < 50) await new Promise((resolve) => setImmediate(resolve))
    await Effect.runPromise(Fiber.interrupt(fiber))
    expect(await openFileCount()).toBe(before)
  })

  it("fails where a file changes while it is taken in", async () => {
    write(directory(), { "a.log": "line\n", b: "b" })
    const kept = keep((reading) => {
      appendFileSync(join(directory(), "a.log"), "more\n")
      return readAll(reading)
    })
    await expect(scanned(kept)).rejects.toMatchObject({
      _tag: "ContentDrifted",
      message: expect.stringContaining("a.log changed while it was read"),
    })
    const { sink } = keep()
    const grown = join(directory(), "large.log")
    writeFileSync(grown, Buffer.alloc(fileReadBytes + 1))
    const growing: typeof sink = {
      ...sink,
      file: (file) => {
        appendFileSync(grown, "more")
        return sink.file(file)
      },
    }
    const rescanned = Effect.runPromise(scan(await openDirectory(directory()), growing))
    await expect(rescanned).rejects.toMatchObject({
      _tag: "ContentDrifted",
      message: expect.stringContaining("large.log changed while it was read"),
    })
  })

  it("does not go where it is told not to", async () => {
    write(directory(), { "d/e/f": "f" })
    symlinkSync("/", join(directory(), "root"))
    writeFileSync(join(directory(), "a"), "a")
    const inner = await openDirectory(join(directory(), "d/e"))
    const { found } = inner
    await inner.release()
    const { sink } = keep()
    const refusing = {
      ...sink,
      refuses: ({ inode }: { readonly inode: bigint }) =>
        inode === found.inode ? "is not wanted" : undefined,
    }
    await expect(
      Effect.runPromise(scan(await openDirectory(directory()), refusing)),
    ).rejects.toMatchObject({
      _tag: "InvalidInput",
      message: expect.stringContaining("not wanted"),
    })
  })
})

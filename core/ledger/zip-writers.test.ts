/**
 * Archives that others wrote: `7z`, `bsdtar`, Python's `zipfile` and `zip` pack one folder, into a
 * file or as they go, and each archive becomes the same version.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import { emptyManifestDigest, makeTree, type TreeEntry } from "../model/tree.js"
import { opened } from "./places.contract.js"
import { readersObstacle } from "./zip-readers.contract.js"

/** Some releases of it cannot write a symlink to a pipe. */
const zipObstacle = (): string | undefined => {
  if (spawnSync("zip", ["-v"]).error !== undefined) return "there is no zip here"
  const place = mkdtempSync(join(tmpdir(), "daybook-writers-"))
  symlinkSync("nowhere", join(place, "link"))
  const { stdout } = spawnSync("zip", ["-qy", "-", "link"], { cwd: place })
  rmSync(place, { recursive: true })
  return stdout.includes("nowhere") ? undefined : "zip writes no symlink to a pipe here"
}

const why = readersObstacle() ?? zipObstacle()
const without = why === undefined ? "" : ` (skipped: ${why})`

const home = mkdtempSync(join(tmpdir(), "daybook-writers-"))
const folder = join(home, "folder")
afterAll(() => rmSync(home, { recursive: true, force: true }))

const noise = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => (at * at * 31) >>> 7))
const text = Buffer.from("a line of text\n".repeat(10_000))

beforeAll(() => {
  mkdirSync(join(folder, "d/e"), { recursive: true })
  mkdirSync(join(folder, "hollow"))
  writeFileSync(join(folder, "a.txt"), "a")
  writeFileSync(join(folder, "d/noise"), noise)
  writeFileSync(join(folder, "d/e/text"), text)
  writeFileSync(join(folder, "run"), "#!/bin/sh\n")
  chmodSync(join(folder, "run"), 0o755)
  symlinkSync("../a.txt", join(folder, "d/link"))
})

const leaf = (path: string, bytes: Uint8Array | string, more: Partial<TreeEntry> = {}) => ({
  path: relativePath(path),
  kind: "file" as const,
  size: Buffer.byteLength(bytes),
  digest: digestOf(Buffer.from(bytes)),
  ...more,
})

const files = [
  leaf("a.txt", "a"),
  leaf("d/noise", noise),
  leaf("d/e/text", text),
  leaf("run", "#!/bin/sh\n", { executable: true }),
]
const link = leaf("d/link", "../a.txt", { kind: "symlink", target: "../a.txt" })
const hollow = leaf("hollow", "", { kind: "directory", digest: emptyManifestDigest })

const python = (target: string) => `
import os, sys, zipfile
with zipfile.ZipFile(${target}, "w", zipfile.ZIP_DEFLATED) as z:
  for place, folders, names in os.walk("."):
    for name in folders + names:
      path = os.path.join(place, name)
      if not os.path.islink(path): z.write(path)
`

/** A sink that cannot be searched: what is not known beforehand goes behind each content. */
const unseekable = `type("Sink", (), {
  "write": lambda self, b: sys.stdout.buffer.write(b),
  "flush": lambda self: sys.stdout.buffer.flush(),
})()`

// To a pipe, bsdtar writes whole blocks, and fills the last one up with zeros.
const unfilled = `
import sys
b = sys.stdin.buffer.read()
sys.stdout.buffer.write(b[:b.rindex(b"PK\\x05\\x06") + 22])
`

/** How each packs the folder that it is started in, to its output or to a file. */
const writers: Readonly<Record<string, readonly [string, ReadonlyArray<TreeEntry>]>> = {
  "zip, to a file": [`zip -qry "$1" . && cat "$1"`, [...files, link, hollow]],
  "zip, as it goes": ["zip -qry - . | cat", [...files, link, hollow]],
  "zip, without compressing": [`zip -q0ry "$1" . && cat "$1"`, [...files, link, hollow]],
  "7z": [`7z a -snl -bso0 -tzip "$1" . && cat "$1"`, [...files, link, hollow]],
  "bsdtar, to a file": [`bsdtar --format zip -cf "$1" * && cat "$1"`, [...files, link, hollow]],
  "bsdtar, as it goes": [
    `bsdtar --format zip -cf - * | python3 -c '${unfilled}'`,
    [...files, link, hollow],
  ],
  "Python, to a file": [
    `python3 -c '${python("sys.argv[1]")}' "$1" && cat "$1"`,
    [...files, hollow],
  ],
  "Python, as it goes": [`python3 -c '${python(unseekable)}'`, [...files, hollow]],
}

describe.skipIf(why !== undefined)(`an archive of a folder${without}`, () => {
  it.each(Object.entries(writers))("by %s is the folder", async (name, [script, entries]) => {
    const file = join(home, `${digestOf(Buffer.from(name))}.zip`)
    const bytes = execFileSync("sh", ["-c", script, "sh", file], {
      cwd: folder,
      maxBuffer: 2 ** 24,
    })
    const ledger = await opened()
    const { content } = await ledger.importZip(bytes, { name: "folder" })
    expect(content.entries).toEqual(makeTree(entries))
  })
})

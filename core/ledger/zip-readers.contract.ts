/**
 * Programs of others that read zips: what each of them lists of an archive, the bytes that it gives
 * back, and what it makes of it on the disk. Each runs as a process of its own, in a locale of
 * UTF-8, and is believed only when it ends well.
 *
 * Knows how these programs are asked, not what an archive should hold.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { type Digest, hasher, toDigest } from "../model/digest.js"

/** An entry as a reader lists it. */
export interface Listed {
  /** That of a directory ends in a slash. */
  readonly name: string
  /** As `ls -l` writes it. */
  readonly mode: string
  readonly size: number
}

type Command = readonly [program: string, ...args: ReadonlyArray<string>]

export interface ZipReader {
  readonly name: string
  /** The entries, in the order in which the archive has them. */
  readonly list: (archive: string) => ReadonlyArray<Listed>
  /** Writes the contents of entries, or of all, to its output, one after the other. */
  readonly print: (archive: string, ...entries: ReadonlyArray<string>) => Command
  /** Whether the target of a link is printed as its content. */
  readonly printsLinks: boolean
  /** Reads every content, compares it with its CRC-32, and writes it nowhere. */
  readonly test: (archive: string) => Command
  readonly extract: (archive: string, into: string) => Command
  /** Whether what it extracts has links and modes. */
  readonly extractsModes: boolean
}

const env = { ...process.env, LC_ALL: "C.UTF-8" }

// Names of 70,000 entries, each with a page of what 7z knows of it.
const listingBytesMax = 256 * 2 ** 20

const outputOf = ([program, ...args]: Command): string =>
  execFileSync(program, args, { env, encoding: "utf8", maxBuffer: listingBytesMax })

/** The lines that look like this, with what was found in them. */
const matched = (command: Command, line: RegExp): ReadonlyArray<RegExpExecArray> =>
  outputOf(command)
    .split("\n")
    .map((text) => line.exec(text))
    .filter((found) => found !== null)

const unzip: ZipReader = {
  name: "unzip",
  list: (archive) =>
    matched(
      ["unzip", "-Z", archive],
      /^([-dl][-rwx]{9}) +\d\.\d unx +(\d+) \S+ \w{4} \S+ \S+ (.+)$/,
    ).map(([, mode = "", size, name = ""]) => ({ name, mode, size: Number(size) })),
  print: (archive, ...entries) => ["unzip", "-p", archive, ...entries],
  printsLinks: true,
  test: (archive) => ["unzip", "-tqq", archive],
  extract: (archive, into) => ["unzip", "-q", archive, "-d", into],
  extractsModes: true,
}

// A link that leads upwards is left out by it unless it is told not to look (-snld).
const sevenZip: ZipReader = {
  name: "7z",
  list: (archive) =>
    outputOf(["7z", "l", "-slt", "-ba", archive])
      .split("\n\n")
      .flatMap((page) => {
        const [, path = ""] = /^Path = (.*)$/m.exec(page) ?? []
        const [, size] = /^Size = (\d+)$/m.exec(page) ?? []
        const [, mode = ""] = /^Attributes = D? ?(.{10})$/m.exec(page) ?? []
        if (path === "") return []
        return { name: mode.startsWith("d") ? `${path}/` : path, mode, size: Number(size) }
      }),
  print: (archive, ...entries) => ["7z", "e", "-so", archive, ...entries],
  printsLinks: true,
  test: (archive) => ["7z", "t", "-bso0", archive],
  extract: (archive, into) => ["7z", "x", "-bso0", "-snld", `-o${into}`, archive],
  extractsModes: true,
}

const bsdtar: ZipReader = {
  name: "bsdtar",
  list: (archive) =>
    matched(
      ["bsdtar", "-tvf", archive],
      /^([-dl][-rwx]{9}) +\d+ \S+ +\S+ +(\d+) \w{3} +\d+ +[\d:]+ (.+?)(?: -> (.+))?$/,
    ).map(([, mode = "", size, name = "", target]) => ({
      name,
      mode,
      // Of a link it tells where that leads in place of a size.
      size: target === undefined ? Number(size) : Buffer.byteLength(target),
    })),
  print: (archive, ...entries) => ["bsdtar", "-xOf", archive, ...entries],
  printsLinks: false,
  test: (archive) => ["bsdtar", "-xOf", archive],
  extract: (archive, into) => ["bsdtar", "-xf", archive, "-C", into],
  extractsModes: true,
}

const python = (script: string, ...args: ReadonlyArray<string>): Command => [
  "python3",
  "-c",
  `import json, shutil, stat, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1]) as z:\n  ${script}`,
  ...args,
]

// Its `extractall` makes files of links, and gives everything the mode of new files.
const zipfile: ZipReader = {
  name: "Python's zipfile",
  list: (archive) =>
    JSON.parse(
      outputOf(
        python(
          `print(json.dumps([{ "name": i.filename, "mode": stat.filemode(i.external_attr >> 16),
            "size": i.file_size } for i in z.infolist()]))`,
          archive,
        ),
      ),
    ),
  print: (archive, ...entries) =>
    python(
      "for n in sys.argv[2:] or z.namelist(): shutil.copyfileobj(z.open(n), sys.stdout.buffer)",
      ...[archive, ...entries],
    ),
  printsLinks: true,
  test: (archive) => python("assert z.testzip() is None", archive),
  extract: (archive, into) => python("z.extractall(sys.argv[2])", archive, into),
  extractsModes: false,
}

export const zipReaders: ReadonlyArray<ZipReader> = [unzip, sevenZip, bsdtar, zipfile]

/** Runs a command, whose output goes to `see` or nowhere; rejects unless it ended well. */
export const runCommand = async (
  [program, ...args]: Command,
  see?: (bytes: Uint8Array) => void,
): Promise<void> => {
  const output = see === undefined ? "ignore" : "pipe"
  const child = spawn(program, args, { env, stdio: ["ignore", output, "pipe"] })
  let complaint = ""
  child.stderr?.on("data", (bytes: Buffer) => {
    complaint += bytes.toString("utf8")
  })
  if (see !== undefined) child.stdout?.on("data", see)
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${complaint}`)
}

/** Of all that a command writes. */
export const digestPrinted = async (command: Command): Promise<Digest> => {
  const hash = hasher()
  await runCommand(command, (bytes) => hash.update(bytes))
  return toDigest(hash.bytes())
}

/** Why not all of them can be asked here; undefined where they can. */
export const readersObstacle = (): string | undefined => {
  const lacking = [["unzip", "-v"], ["7z"], ["bsdtar", "--version"], ["python3", "--version"]]
    .filter(([program = "", ...args]) => spawnSync(program, args).error !== undefined)
    .map(([program]) => program)
  return lacking.length === 0 ? undefined : `there is no ${lacking.join(", no ")} here`
}

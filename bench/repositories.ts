/**
 * Backup programs to compare with: restic and borg, each with a repository of its own in a place of
 * its own, caches and settings included.
 *
 * Knows neither what is kept nor what is measured. A program that is not installed is said to be
 * missing, and left out.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { run, type Surroundings, versionOf } from "./programs.js"
import { bytesIn } from "./trees.js"

/** What of a directory is kept: the path from it on. */
export interface Kept {
  readonly directory: string
  readonly path: string
  /** The archive's name; no two in a repository are alike. */
  readonly label: string
}

/** A program that keeps files, in the repository of any place. */
export interface Keeper {
  /** With its version. */
  readonly name: string
  /** Makes an empty repository. */
  readonly begin: (place: string) => Promise<void>
  readonly keep: (place: string, kept: Kept) => Promise<void>
  /** Opens the repository and does nothing: what each call costs before it begins. */
  readonly open: (place: string) => Promise<void>
  /** Of the repository without caches. */
  readonly bytes: (place: string) => Promise<number>
}

type Command = (args: ReadonlyArray<string>, around: Surroundings) => Promise<unknown>

const repositoryOf = (place: string): string => join(place, "repository")
const cacheOf = (place: string): string => join(place, "cache")

const keeperOf = (
  name: string,
  env: (place: string) => Readonly<Record<string, string>>,
  command: Command,
  args: {
    readonly begin: ReadonlyArray<string>
    readonly keep: (kept: Kept) => ReadonlyArray<string>
    readonly open: ReadonlyArray<string>
  },
): Keeper => ({
  name,
  begin: async (place) => {
    await mkdir(cacheOf(place), { recursive: true })
    await command(args.begin, { cwd: place, env: env(place) })
  },
  keep: async (place, kept) =>
    void (await command(args.keep(kept), { cwd: kept.directory, env: env(place) })),
  open: async (place) => void (await command(args.open, { cwd: place, env: env(place) })),
  bytes: (place) => bytesIn(repositoryOf(place)),
})

/** It always encrypts; compression is `auto`, as it is by itself. */
const restic = (name: string): Keeper =>
  keeperOf(
    name,
    (place) => ({
      RESTIC_REPOSITORY: repositoryOf(place),
      RESTIC_PASSWORD: "bench",
      RESTIC_CACHE_DIR: cacheOf(place),
    }),
    (args, around) => run("restic", ["--quiet", ...args], around),
    {
      begin: ["init", "--repository-version", "2"],
      keep: ({ path }) => ["backup", path],
      open: ["cat", "config"],
    },
  )

/** Not encrypted. By itself it compresses by lz4. */
const borg = (name: string, compression: string): Keeper =>
  keeperOf(
    `${name}, ${compression}`,
    (place) => ({
      BORG_REPO: repositoryOf(place),
      BORG_BASE_DIR: cacheOf(place),
      BORG_CACHE_DIR: join(cacheOf(place), "cache"),
      BORG_CONFIG_DIR: join(cacheOf(place), "config"),
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    }),
    (args, around) => run("borg", args, around),
    {
      begin: ["init", "--encryption", "none"],
      keep: ({ path, label }) => ["create", "--compression", compression, `::${label}`, path],
      open: ["list"],
    },
  )

/** Those that are installed; borg once for each way to compress. Says which are not. */
export const keepers = (borgCompressions: ReadonlyArray<string>): ReadonlyArray<Keeper> => {
  const found: Array<Keeper> = []
  const resticName = versionOf("restic", ["version"])
  if (resticName === undefined) console.log("no restic, left out: apt-get install restic")
  else found.push(restic(resticName))
  const borgName = versionOf("borg", ["--version"])
  if (borgName === undefined) console.log("no borg, left out: apt-get install borgbackup")
  else found.push(...borgCompressions.map((compression) => borg(borgName, compression)))
  return found
}

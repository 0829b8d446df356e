/**
 * The files of this repository as the rules of the house see them: paths, lines, comments, imports
 * and exports, as the parser of the test runner reads them.
 *
 * Knows no rule. A tree can be read from the disk or made of texts, so that rules can be tried.
 */
import { type Dirent, readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { parseSync } from "rolldown/utils"
import { doorsOf, type Manifest } from "./doors.js"

export type Kind = "source" | "test" | "contract" | "bench"

export interface Import {
  readonly specifier: string
  /** The file in this tree that it leads to; undefined for packages and Node's own modules. */
  readonly target: string | undefined
  /** `*` stands for the whole module. Empty when it is imported for its effect alone. */
  readonly names: ReadonlyArray<string>
  readonly typeOnly: boolean
}

export interface Comment {
  readonly text: string
  /** Lines from 0; the last one is included. */
  readonly first: number
  readonly last: number
}

export interface Source {
  readonly path: string
  readonly kind: Kind
  readonly lines: ReadonlyArray<string>
  /** The text with its comments blanked. */
  readonly code: string
  readonly comments: ReadonlyArray<Comment>
  readonly imports: ReadonlyArray<Import>
  readonly exports: ReadonlyArray<{ readonly name: string; readonly typeOnly: boolean }>
}

export interface Tree {
  readonly manifest: Manifest
  readonly sources: ReadonlyMap<string, Source>
  /** Markdown by path. */
  readonly documents: ReadonlyMap<string, string>
}

const kindOf = (path: string): Kind => {
  const kind = /\.(test|contract|bench)\.m?ts$/.exec(path)?.[1]
  return kind === "test" || kind === "contract" || kind === "bench" ? kind : "source"
}

const linesOf = (text: string): ReadonlyArray<string> => text.replace(/\n$/, "").split("\n")

type Parsed = ReturnType<typeof parseSync>
type Resolve = (specifier: string) => string | undefined

const importsOf = (text: string, { module }: Parsed, resolve: Resolve): ReadonlyArray<Import> => {
  const found: Array<Import> = []
  for (const { moduleRequest, entries } of module.staticImports) {
    const names = entries.map(({ importName }) => importName.name ?? "*")
    const typeOnly = entries.length > 0 && entries.every(({ isType }) => isType)
    found.push({ specifier: moduleRequest.value, target: undefined, names, typeOnly })
  }
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, importName, isType } of entries) {
      if (moduleRequest === null) continue
      const names = [importName.name ?? "*"]
      found.push({ specifier: moduleRequest.value, target: undefined, names, typeOnly: isType })
    }
  }
  for (const { moduleRequest } of module.dynamicImports) {
    const literal = /^(["'])(.*)\1$/.exec(text.slice(moduleRequest.start, moduleRequest.end))?.[2]
    if (literal === undefined) continue
    found.push({ specifier: literal, target: undefined, names: ["*"], typeOnly: false })
  }
  return found.map((entry) => ({ ...entry, target: resolve(entry.specifier) }))
}

/** Reads one TypeScript or JavaScript file. Throws where it cannot be parsed. */
const parse = (path: string, text: string, doors: ReadonlyMap<string, string>): Source => {
  const parsed = parseSync(path, text)
  const problem = parsed.errors[0]
  if (problem !== undefined) throw new Error(`${path}: ${problem.message}`)
  const resolve = (specifier: string): string | undefined =>
    specifier.startsWith(".")
      ? posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts")
      : doors.get(specifier)
  const lineOf = (offset: number): number => text.slice(0, offset).split("\n").length - 1
  let code = text
  for (const { start, end } of parsed.comments) {
    code = code.slice(0, start) + code.slice(start, end).replace(/\S/g, " ") + code.slice(end)
  }
  return {
    path,
    kind: kindOf(path),
    lines: linesOf(text),
    code,
    comments: parsed.comments.map(({ value, start, end }) => {
      const first = lineOf(start)
      return { text: value, first, last: first + text.slice(start, end).split("\n").length - 1 }
    }),
    imports: importsOf(text, parsed, resolve),
    exports: parsed.module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ exportName, isType }) =>
        exportName.name === null ? [] : [{ name: exportName.name, typeOnly: isType }],
      ),
    ),
  }
}

/** A tree of texts by path. */
export const treeOf = (files: ReadonlyMap<string, string>, manifest: Manifest): Tree => {
  const doors = doorsOf(manifest)
  const sources = [...files].filter(([path]) => /\.m?[jt]s$/.test(path))
  return {
    manifest,
    sources: new Map(sources.map(([path, text]) => [path, parse(path, text, doors)])),
    documents: new Map([...files].filter(([path]) => path.endsWith(".md"))),
  }
}

const skipped = new Set(["node_modules", "dist", "coverage", "results"])

const walk = (root: string, folder: string): ReadonlyArray<string> =>
  readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry: Dirent) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`
    if (entry.isFile()) return [path]
    return entry.isDirectory() && !skipped.has(entry.name) ? walk(root, path) : []
  })

const folders = ["core", "adapters", "examples", "bench", ".config"]

/** The tree on disk: the folders that hold code, and the documents at the root. */
export const readTree = (root: string): Tree => {
  const top = readdirSync(root).filter((name) => name.endsWith(".md"))
  const present = new Set(readdirSync(root))
  const inside = folders.filter((name) => present.has(name)).flatMap((name) => walk(root, name))
  const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8")
  const files = [...top, ...inside].filter((path) => /\.(m?[jt]s|md)$/.test(path))
  return treeOf(new Map(files.map((path) => [path, read(path)])), JSON.parse(read("package.json")))
}

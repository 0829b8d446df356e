/**
 * The rules about who imports whom: rooms by level, one importer for each foreign package, no
 * cycle, no file without an importer, every list complete.
 *
 * Type-only imports count like any other. Every breach names its file and what to do instead.
 */
import { doorsOf, programsOf } from "./doors.js"
import { type Importers, isPure, listed, packages, primitives, type Room, rooms } from "./house.js"
import type { Import, Source, Tree } from "./tree.js"

export interface Rule {
  readonly name: string
  /** One sentence for each breach. */
  readonly find: (tree: Tree) => ReadonlyArray<string>
}

export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"))

/** The room of a file of core; a file beside the rooms is a room by itself. */
const roomOf = (path: string): string =>
  path.split("/")[1]?.replace(/(\.test|\.contract)?\.ts$/, "") ?? ""

const isCore = ({ path }: Source): boolean =>
  path.startsWith("core/") && path !== "core/tidy.test.ts"

const coreOf = (tree: Tree): ReadonlyArray<Source> => [...tree.sources.values()].filter(isCore)

const isAdapter = ({ path }: Source): boolean => path.startsWith("adapters/")

/** What is published. */
const shippedOf = (tree: Tree): ReadonlyArray<Source> => [
  ...coreOf(tree),
  ...[...tree.sources.values()].filter(isAdapter),
]

const mayImport = (from: Source, room: Room, { target = "", typeOnly }: Import): boolean => {
  const theirs = roomOf(target)
  if (!target.startsWith("core/")) return false
  if (theirs === roomOf(from.path) || room.may.includes(theirs)) return true
  if (room.may.includes(target) || (typeOnly && room.types?.includes(target))) return true
  return from.kind === "test" && (rooms[theirs]?.level ?? room.level) < room.level
}

const advise = (room: Room, { target = "" }: Import): string => {
  if (room.types?.includes(target)) return "write `import type`"
  if (!target.startsWith("core/")) return "core knows nothing outside core; turn the import around"
  return "move what both need down to core/model, or take it as an argument"
}

const roomRule: Rule = {
  name: "rooms import downward only",
  find: (tree) =>
    coreOf(tree).flatMap((source) => {
      const name = roomOf(source.path)
      const room = rooms[name]
      if (room === undefined) return [`${source.path}: no room "${name}"; see .config/house.ts`]
      const may = [...room.may, ...(room.types ?? []).map((file) => `types of ${file}`)].join(", ")
      return source.imports
        .filter((entry) => entry.target !== undefined && !mayImport(source, room, entry))
        .map(
          (entry) =>
            `${source.path} imports ${entry.target}: ${name} may import ${may || "nothing"}; ` +
            advise(room, entry),
        )
    }),
}

/** The adapter or the folder of strangers that a file belongs to: `adapters/cli`, `bench`. */
const homeOf = (path: string): string =>
  path.startsWith("adapters/") ? path.split("/").slice(0, 2).join("/") : (path.split("/")[0] ?? "")

const outerRule: Rule = {
  name: "adapters, examples and benchmarks come in by the doors",
  find: (tree) => {
    const doors = new Map([...doorsOf(tree.manifest)].map(([name, path]) => [path, name]))
    return [...tree.sources.values()]
      .filter(({ path }) => /^(adapters|examples|bench)\//.test(path))
      .flatMap((source) =>
        source.imports.flatMap(({ specifier, target }) => {
          const home = homeOf(source.path)
          if (target === undefined || homeOf(target) === home) return []
          if (specifier.startsWith(".")) {
            const name = doors.get(target) ?? "a door of package.json"
            return [`${source.path} imports ${specifier}: import it from ${name}`]
          }
          const picks = !home.startsWith("adapters/") || source.path === `${home}/main.ts`
          if (picks || !target.startsWith("adapters/")) return []
          return [`${source.path} imports ${specifier}: only a face's main.ts picks other adapters`]
        }),
      )
  },
}

const effectRule: Rule = {
  name: "Effect comes by sub-path, and not into pure rooms",
  find: (tree) =>
    shippedOf(tree).flatMap((source) =>
      source.imports.flatMap(({ specifier }) => {
        const { path, kind } = source
        if (specifier === "effect") return [`${path}: import effect/Effect and such, not effect`]
        if (specifier.startsWith("@effect/") && isCore(source))
          return [`${path}: core needs no ${specifier}`]
        const pure = kind === "source" && isPure(path)
        if (!pure || !specifier.startsWith("effect/") || /\/\w*Schema\w*$/.test(specifier))
          return []
        return [`${path} imports ${specifier}: a pure file uses schemas alone; return plain values`]
      }),
    ),
}

const subjectOf = (path: string): string => path.replace(/\.test\.ts$/, ".ts")

const isImporter = ({ path, kind }: Source, { files, tests }: Importers): boolean =>
  files.includes(subjectOf(path)) || (tests === true && kind !== "source")

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

const packageBreach = (source: Source, { specifier, names }: Import): ReadonlyArray<string> => {
  const name = packageOf(specifier)
  const known = packages[name]
  if (known === undefined && !name.startsWith("node:") && name !== "effect") {
    return [`${source.path} imports ${name}: give it one importer, and a line in .config/house.ts`]
  }
  const found = [known, ...(primitives[specifier] ?? [])].filter(
    (importers) =>
      importers !== undefined &&
      !isImporter(source, importers) &&
      (importers.names === undefined || names.some((one) => importers.names?.includes(one))),
  )
  return found.map((importers) => {
    const files = importers?.files.join(", ") || "tests and contracts"
    return `${source.path} imports ${names.join(", ")} of ${name}: leave that to ${files}`
  })
}

const packageRule: Rule = {
  name: "a foreign package has one importer",
  find: (tree) =>
    coreOf(tree).flatMap((source) =>
      source.imports
        .filter(({ target }) => target === undefined)
        .flatMap((entry) => packageBreach(source, entry)),
    ),
}

const peerRule: Rule = {
  name: "an adapter's packages are optional peers",
  find: (tree) => {
    const { peerDependencies = {}, peerDependenciesMeta = {} } = tree.manifest
    return [...tree.sources.values()]
      .filter((source) => isAdapter(source) && source.kind === "source")
      .flatMap(({ path, imports }) =>
        imports
          .filter(({ target, specifier }) => target === undefined && !specifier.startsWith("node:"))
          .map(({ specifier }) => packageOf(specifier))
          .filter((name) => name !== "effect")
          .filter((name) => !(name in peerDependencies && peerDependenciesMeta[name]?.optional))
          .map((name) => `${path} imports ${name}: make it an optional peer in package.json`),
      )
  },
}

const hiddenRule: Rule = {
  name: "imports stand at the top of the file",
  find: (tree) =>
    shippedOf(tree)
      .filter(({ code }) => /(\btypeof |[:<|&=]\s*)import\(\s*["'][^"']*["']\s*\)\./.test(code))
      .map(({ path }) => `${path}: a type is imported in the middle; write \`import type\` on top`),
}

const cycleRule: Rule = {
  name: "there is no cycle, type-only imports included",
  find: ({ sources }) => {
    const done = new Set<string>()
    const cycles: Array<string> = []
    const visit = (path: string, trail: ReadonlyArray<string>): void => {
      const start = trail.indexOf(path)
      if (start >= 0) {
        const cycle = [...trail.slice(start), path].join(" -> ")
        cycles.push(`${cycle}: move what they share into a file that both import`)
      }
      if (start >= 0 || done.has(path)) return
      for (const { target } of sources.get(path)?.imports ?? [])
        if (target !== undefined) visit(target, [...trail, path])
      done.add(path)
    }
    for (const path of sources.keys()) visit(path, [])
    return cycles
  },
}

const orphanRule: Rule = {
  name: "every file has an importer",
  find: (tree) => {
    const roots = [...doorsOf(tree.manifest).values(), ...programsOf(tree.manifest)]
    const used = new Set(roots)
    for (const { path, kind, imports } of tree.sources.values())
      if (kind !== "test")
        for (const { target } of imports)
          if (target !== undefined && target !== path) used.add(target)
    return [...tree.sources.values()]
      .filter(({ path, kind }) => kind === "source" && /^(core|adapters)\//.test(path))
      .filter(({ path }) => !used.has(path))
      .map(({ path }) => `${path}: nothing but tests imports it; use it or delete it`)
  },
}

const listRule: Rule = {
  name: "every command, projection and query is on its list",
  find: ({ sources }) =>
    Object.entries(listed).flatMap(([room, apart]) => {
      const all = `core/${room}/all.ts`
      const shape = `core/${room}/${room}.ts`
      const files = [...sources.values()].filter(
        ({ path, kind }) => kind === "source" && folderOf(path) === `core/${room}`,
      )
      const list = new Set(sources.get(all)?.imports.map(({ target }) => target))
      const served = new Set(files.flatMap(({ imports }) => imports.map(({ target }) => target)))
      const isOne = ({ target, names }: Import): boolean =>
        target === shape && names.some((name) => name.toLowerCase() === room)
      return files
        .filter(({ path, imports }) => !served.has(path) || imports.some(isOne))
        .filter(({ path }) => ![all, ...apart].includes(path) && !list.has(path))
        .map(({ path }) => `${path}: add it to ${all}`)
    }),
}

const doorRule: Rule = {
  name: "every door leads somewhere, every adapter has a door",
  find: ({ manifest, sources, documents }) => {
    const doors = [...doorsOf(manifest).values(), ...programsOf(manifest)]
    const adapters = new Set(
      [...sources.keys()].filter((path) => /^adapters\/.+\//.test(path)).map(homeOf),
    )
    const page = documents.get("adapters/README.md") ?? ""
    return [
      ...doors
        .filter((path) => !sources.has(path))
        .map((path) => `package.json exports ${path}: write the file or remove the line`),
      ...[...adapters].flatMap((folder) => [
        ...(doors.some((path) => folderOf(path) === folder)
          ? []
          : [`${folder}: add its line to the exports of package.json`]),
        ...(page.includes(folder.slice("adapters/".length))
          ? []
          : [`${folder}: say in adapters/README.md which socket it fits`]),
      ]),
    ]
  },
}

/** What a thread begins with, and every kind of work that it loads. */
const isOnThreads = ({ path, kind, exports }: Source): boolean =>
  path === "core/thread/worker.ts" ||
  (kind === "source" && exports.some(({ name }) => name === "answer"))

const threadRule: Rule = {
  name: "what threads load knows no Effect",
  find: ({ sources }) => {
    const loaded = new Set([...sources.values()].filter(isOnThreads).map(({ path }) => path))
    const breaches: Array<string> = []
    // A set that grows is walked to its end.
    for (const path of loaded)
      for (const { specifier, target, typeOnly } of sources.get(path)?.imports ?? []) {
        if (typeOnly) continue
        if (target !== undefined) loaded.add(target)
        if (/^effect\b/.test(specifier))
          breaches.push(`${path} imports ${specifier}, which each thread would hold: 20 MB`)
      }
    return breaches
  },
}

export const importRules: ReadonlyArray<Rule> = [
  roomRule,
  outerRule,
  effectRule,
  packageRule,
  peerRule,
  hiddenRule,
  cycleRule,
  orphanRule,
  listRule,
  doorRule,
  threadRule,
]

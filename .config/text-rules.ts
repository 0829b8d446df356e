/**
 * The rules about single files: how long they may be, how they open, what they are called, which
 * words they do without, and that each has its test.
 *
 * Knows nothing of who imports whom. Every breach names its file and what to do instead.
 */
import { caps, commentShare, emptyWords, isPure, openingLines, untested } from "./house.js"
import { folderOf, type Rule } from "./import-rules.js"
import type { Comment, Source, Tree } from "./tree.js"

const all = (tree: Tree): ReadonlyArray<Source> => [...tree.sources.values()]

const isCode = ({ kind }: Source): boolean => kind === "source" || kind === "contract"

const capRule: Rule = {
  name: "files and lines stay short",
  find: (tree) =>
    all(tree).flatMap(({ path, kind, lines }) => {
      const max = kind === "source" ? caps.sourceLines : caps.testLines
      const wide = lines.flatMap((line, index) => (line.length > caps.columns ? [index + 1] : []))
      return [
        ...(lines.length > max ? [`${path}: ${lines.length} lines, ${max} allowed; split it`] : []),
        ...wide.map((line) => `${path}, line ${line}: over ${caps.columns} columns; break it`),
      ]
    }),
}

/** How many lines the comment takes that opens a file; 0 when there is none. */
const openingOf = ({ comments, lines }: Source): number => {
  const start = lines[0]?.startsWith("#!") ? 1 : 0
  let end = start
  for (const { first, last } of comments) if (first === end) end = last + 1
  return end - start
}

const openingRule: Rule = {
  name: "every file opens with what it is and what it refuses to know",
  find: (tree) =>
    all(tree)
      .filter(isCode)
      .map((source) => [source.path, openingOf(source)] as const)
      .filter(([, count]) => count < openingLines.min || count > openingLines.max)
      .map(
        ([path, count]) =>
          `${path}: its opening comment has ${count} lines; ` +
          `write ${openingLines.min} to ${openingLines.max}`,
      ),
}

const commentLines = (comments: ReadonlyArray<Comment>): number =>
  new Set(
    comments.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    ),
  ).size

const shareRule: Rule = {
  name: "comments say why, and leave room for the code",
  find: (tree) => {
    const sources = all(tree).filter(
      ({ path, kind }) => /^(core|adapters)\//.test(path) && kind === "source",
    )
    const counts = sources.map(({ path, lines, comments }) => {
      return { path, lines: lines.length, comments: commentLines(comments) }
    })
    const share = (lines: number, comments: number): number => Math.round((100 * comments) / lines)
    const core = counts.filter(({ path }) => path.startsWith("core/"))
    const sum = (key: "lines" | "comments"): number =>
      core.reduce((total, count) => total + count[key], 0)
    const whole = share(sum("lines"), sum("comments"))
    const { min, max, fileMin, fileMax, fileLinesMin } = commentShare
    return [
      ...(core.length === 0 || (whole >= min && whole <= max)
        ? []
        : [`core: ${whole} % of its lines are comments; aim at ${min} to ${max}`]),
      ...counts
        .filter(({ lines }) => lines >= fileLinesMin)
        .map(({ path, lines, comments }) => [path, share(lines, comments)] as const)
        .filter(([, percent]) => percent < fileMin || percent > fileMax)
        .map(
          ([path, percent]) => `${path}: ${percent} % comments; ${fileMin} to ${fileMax} allowed`,
        ),
    ]
  },
}

const wordsOf = (name: string): ReadonlyArray<string> =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "")

/** The first part of a name that says nothing; plurals count, and `data` at the end. */
const emptyWord = (name: string): string | undefined => {
  const words = wordsOf(name)
  const last = words.length > 1 && words.at(-1) === "data" ? "data" : undefined
  return words.find((word) => emptyWords.includes(word.replace(/s$/, ""))) ?? last
}

const kebabPath = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\/[a-z0-9]+(-[a-z0-9]+)*)*(\.[a-z]+)*$/

const nameRule: Rule = {
  name: "names are field words in kebab-case",
  find: (tree) =>
    all(tree).flatMap(({ path, exports }) => {
      const empty = emptyWord(path.replace(/(\.[a-z]+)+$/, ""))
      return [
        ...(kebabPath.test(path) ? [] : [`${path}: call it by small words with hyphens`]),
        ...(empty === undefined ? [] : [`${path}: "${empty}" says nothing; name what is in it`]),
        ...(/^core\/[^/]+\/index\.ts$/.test(path)
          ? [`${path}: a room has no barrel; import the file that defines the name`]
          : []),
        ...exports.flatMap(({ name }) => {
          const word = emptyWord(name)
          return word === undefined
            ? []
            : [`${path} exports ${name}: "${word}" says nothing; use a word of the field`]
        }),
      ]
    }),
}

/** Whether there is anything to run: files of types alone are tested by the compiler. */
const runs = ({ exports }: Source): boolean =>
  exports.length === 0 || exports.some(({ typeOnly }) => !typeOnly)

const testRule: Rule = {
  name: "every file has its test beside it",
  find: (tree) =>
    all(tree)
      .filter((source) => /^(core|adapters)\//.test(source.path) && source.kind === "source")
      .flatMap((source) => {
        const { path } = source
        const beside = (kind: string): string => path.replace(/\.ts$/, `.${kind}.ts`)
        const tested = tree.sources.has(beside("test")) || tree.sources.has(beside("contract"))
        if (untested[path] !== undefined)
          return tested ? [`${path}: it has a test; take it off \`untested\``] : []
        return tested || !runs(source) ? [] : [`${path}: write ${beside("test")}`]
      }),
}

const contractRule: Rule = {
  name: "every driver passes the contract of its port",
  find: (tree) => {
    // Other files of the kind hold what several tests share, and no laws.
    const contracts = all(tree).filter(
      ({ kind, exports }) =>
        kind === "contract" && exports.some(({ name }) => name.endsWith("Contract")),
    )
    return contracts.flatMap((contract) =>
      all(tree)
        .filter(({ path, kind }) => kind === "source" && folderOf(path) === folderOf(contract.path))
        .filter(({ exports }) => exports.some(({ name }) => name === "layer"))
        .filter(({ path }) => {
          const test = tree.sources.get(path.replace(/\.ts$/, ".test.ts"))
          return !test?.imports.some(({ target }) => target === contract.path)
        })
        .map(({ path }) => `${path}: call the contract of ${contract.path} in its test`),
    )
  },
}

const clock = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bset(Timeout|Interval)\(/
const world = /\bMath\.random\(|\bprocess\.\w|\bconsole\.|\basync\b|\bawait\b|\bnew Promise\b/

const worldRule: Rule = {
  name: "pure files know no clock, no chance and no promise",
  find: (tree) =>
    all(tree)
      .filter(({ path, kind }) => kind === "source" && isPure(path))
      .flatMap(({ path, code }) => {
        const found = (clock.exec(code) ?? world.exec(code))?.[0]
        return found === undefined
          ? []
          : [`${path}: "${found}" is the world; take it as an argument`]
      }),
}

const patternRules: ReadonlyArray<Rule> = [
  {
    name: "nothing is left for later",
    find: (tree) =>
      all(tree).flatMap(({ path, comments }) =>
        comments
          .filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text))
          .map(({ first }) => `${path}, line ${first + 1}: do it now, or say what holds instead`),
      ),
  },
  {
    name: "no rule is silenced",
    find: (tree) =>
      all(tree).flatMap(({ path, comments }) =>
        comments
          .filter(({ text }) => /^[\s*]*(@ts-(ignore|nocheck)|biome-ignore)/.test(text))
          .map(({ first }) => `${path}, line ${first + 1}: change the code, or the rule for all`),
      ),
  },
  {
    name: "nothing is decided by the text of a message",
    find: (tree) =>
      all(tree)
        .filter(({ path, kind, code }) => {
          const decides = /\bmessage\??\.(includes|startsWith|endsWith|match|search|indexOf)\(/
          return kind === "source" && /^(core|adapters)\//.test(path) && decides.test(code)
        })
        .map(({ path }) => `${path}: decide by \`_tag\`, \`kind\` or \`code\``),
  },
  {
    name: "tests do not sleep",
    find: (tree) =>
      all(tree)
        .filter(({ path, kind }) => kind !== "source" && /^(core|adapters|examples)\//.test(path))
        .filter(
          ({ code, imports }) =>
            /\bsetTimeout\(/.test(code) ||
            imports.some(({ specifier }) => specifier === "node:timers/promises"),
        )
        .map(({ path }) => `${path}: wait for what happens, or move the TestClock`),
  },
]

const documentRule: Rule = {
  name: "a document has one title and points to names",
  find: ({ documents }) =>
    [...documents].flatMap(([path, text]) => {
      const prose = text.replace(/^```[\s\S]*?^```/gm, "")
      const titles = prose.match(/^# /gm)?.length ?? 0
      return [
        ...(titles === 1 ? [] : [`${path}: ${titles} lines begin with "# "; it has one title`]),
        ...(/\.m?[jt]s:\d/.test(prose) ? [`${path}: name the function, not its line`] : []),
      ]
    }),
}

export const textRules: ReadonlyArray<Rule> = [
  capRule,
  openingRule,
  shareRule,
  nameRule,
  testRule,
  contractRule,
  worldRule,
  ...patternRules,
  documentRule,
]

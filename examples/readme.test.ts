/**
 * The documents show code that runs: every block of TypeScript in them names a region of a file
 * that is compiled and tested, and equals it; and no region is left that nobody shows.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(root + path, "utf8")

/** A text moved left as far as all its lines allow. */
const dedented = (text: string): string => {
  const lines = text.split("\n")
  const indents = lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/))
  return lines.map((line) => line.slice(Math.min(...indents))).join("\n")
}

const regionShape = /^ *\/\/ #region (\S+)\n([\s\S]*?)\n *\/\/ #endregion$/gm
const regions: ReadonlyMap<string, string> = new Map(
  readdirSync(`${root}examples`)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .flatMap((name) =>
      [...read(`examples/${name}`).matchAll(regionShape)].map(
        ([, region = "", code = ""]) => [`examples/${name}#${region}`, dedented(code)] as const,
      ),
    ),
)

const documents = [
  ...["README.md", "core/README.md", "adapters/README.md", "bench/README.md"],
  ...readdirSync(`${root}adapters`)
    .map((name) => `adapters/${name}/README.md`)
    .filter((path) => existsSync(root + path)),
]
const blockShape = /^```(?:ts|typescript|js|javascript)(?: (\S+))?\n([\s\S]*?)\n```$/gm
const blocks = documents.flatMap((document) =>
  [...read(document).matchAll(blockShape)].map(([, region = "", code = ""], index) => {
    return { name: `${document}, block ${index + 1}`, region, code }
  }),
)

describe("documents", () => {
  it.each(blocks)("$name is the region $region", ({ region, code }) => {
    expect(code).toBe(regions.get(region))
  })

  it("show every region", () => {
    const shown = new Set(blocks.map(({ region }) => region))
    expect(regions.size).toBeGreaterThan(0)
    expect([...regions.keys()].filter((region) => !shown.has(region))).toEqual([])
  })

  it("link to files that are there", () => {
    const links = documents.flatMap((document) =>
      [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(
        ([, path = ""]) => new URL(path, new URL(`../${document}`, import.meta.url)),
      ),
    )
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter((link) => !existsSync(link)).map(({ pathname }) => pathname)).toEqual([])
  })

  it("name files of core that are there", () => {
    const named = [...read("core/README.md").matchAll(/`((?:[a-z-]+\/)?[a-z.-]+\.ts)`/g)]
    const paths = named.map(([, path = ""]) => `core/${path}`)
    expect(paths.length).toBeGreaterThan(0)
    expect(paths.filter((path) => !existsSync(root + path))).toEqual([])
  })
})

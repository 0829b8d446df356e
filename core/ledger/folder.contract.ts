/**
 * A folder as a value, for suites that need versions of many files. States no law of its own.
 */
import type { Materializer } from "../materializer/materializer.js"

/** Files by their paths. */
export type Files = Readonly<Record<string, string | Uint8Array>>

/** One file for each entry, and the entries again, as texts. */
export const folder: Materializer<Files, Files> = {
  name: "folder",
  revision: 1,
  accepts: (value): value is Files => typeof value === "object",
  save: (files, out) => {
    for (const [path, content] of Object.entries(files)) out.write(path, content)
  },
  load: async (files) => {
    const texts = files.paths.map(async (path) => [path, await files.text(path)] as const)
    return Object.fromEntries(await Promise.all(texts))
  },
}

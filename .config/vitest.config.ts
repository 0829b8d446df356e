/**
 * How the suites run: where tests are, and that they meet the sources and never an old build.
 *
 * Which names lead where stands in the export map of package.json and nowhere else.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { doorsOf } from "./doors.js"

const root = fileURLToPath(new URL("..", import.meta.url))
const doors = doorsOf(JSON.parse(readFileSync(`${root}package.json`, "utf8")))

export default defineConfig({
  root,
  resolve: {
    alias: [...doors].map(([name, file]) => ({
      find: new RegExp(`^${name}$`),
      replacement: root + file,
    })),
  },
  test: {
    include: ["core/**/*.test.ts", "adapters/**/*.test.ts", "examples/**/*.test.ts"],
    expect: { requireAssertions: true },
    // Long enough for the suites that start child processes, on a machine that others use too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Threads run the sources too.
    execArgv: ["--import", new URL("sources.mjs", import.meta.url).href],
  },
})

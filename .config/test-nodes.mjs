// Runs the suites on other Node releases: `node .config/test-nodes.mjs 22 24 26`. What follows `--`
// is handed to vitest. The first release on which they fail ends it.
//
// Knows neither the tests nor where a Node comes from.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { bringNode } from "./node.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const given = process.argv.slice(2)
const end = given.includes("--") ? given.indexOf("--") : given.length
const vitest = [path("../node_modules/vitest/vitest.mjs"), "run"]
const config = ["--config", path("vitest.config.ts")]

for (const version of given.slice(0, end)) {
  console.log(`\nNode ${version}`)
  const suite = [...vitest, ...config, ...given.slice(end + 1)]
  const { status, error } = spawnSync(bringNode(version), suite, { stdio: "inherit" })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

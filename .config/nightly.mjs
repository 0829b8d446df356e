// Runs the suites that draw at random for as long as a night allows: `node .config/nightly.mjs`, or
// only those whose file has a word in its path: `node .config/nightly.mjs fuzz`. Each prints its
// seed; the same seed in its variable repeats a failure.
//
// Knows how much of each is enough, not what they test. One line a suite.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const suites = [
  { file: "core/ledger/model.test.ts", env: { MODEL_RUNS: "10000" } },
  { file: "core/ledger/linear.test.ts", env: { LINEAR_RUNS: "10000" } },
  { file: "core/ledger/storm.test.ts", env: { STORM_RUNS: "500" } },
  { file: "core/ledger/certificate.test.ts", env: { CERTIFICATE_RUNS: "5000" } },
  { file: "core/ledger/fuzz.test.ts", env: { FUZZ_RUNS: "100000" } },
]

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const vitest = [path("../node_modules/vitest/vitest.mjs"), "run"]
const word = process.argv[2] ?? ""

for (const { file, env } of suites.filter((suite) => suite.file.includes(word))) {
  console.log(`\n${file} ${JSON.stringify(env)}`)
  const suite = [...vitest, "--config", path("vitest.config.ts"), "--reporter=verbose", file]
  const { status, error } = spawnSync(process.execPath, suite, {
    stdio: "inherit",
    env: { ...process.env, ...env },
  })
  if (error) throw error
  if (status !== 0) process.exitCode = status ?? 1
}

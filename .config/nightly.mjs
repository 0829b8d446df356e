// What takes too long for every push: `npm run nightly` runs each suite of this list on its own, at
// its full length, and goes on when one fails; `npm run nightly -- crash` runs that one. The last
// lines say how each went.
//
// To add a suite: one entry. Knows nothing of what the suites do.
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const suites = [
  { name: "crash", file: "core/ledger/crash.test.ts", env: { CRASH_ROUNDS: "1000" } },
  { name: "power", file: "core/ledger/power.test.ts", env: { POWER_ROUNDS: "100" } },
  {
    name: "system-calls",
    file: "core/ledger/system-calls.test.ts",
    env: { SYSTEM_CALL_SHARE: "1" },
  },
  {
    name: "removal-calls",
    file: "core/ledger/removal-calls.test.ts",
    env: { REMOVAL_SHARE: "1" },
  },
  { name: "model", file: "core/ledger/model.test.ts", env: { MODEL_RUNS: "10000" } },
  { name: "linear", file: "core/ledger/linear.test.ts", env: { LINEAR_RUNS: "10000" } },
  { name: "storm", file: "core/ledger/storm.test.ts", env: { STORM_RUNS: "500" } },
  {
    name: "certificate",
    file: "core/ledger/certificate.test.ts",
    env: { CERTIFICATE_RUNS: "5000" },
  },
  { name: "path-race", file: "core/ledger/path-race.test.ts", env: { RACE_RUNS: "10000" } },
  { name: "flips", file: "core/ledger/flips.test.ts", env: { FLIP_RUNS: "2000" } },
  {
    name: "zip-readers",
    file: "core/ledger/zip-readers.test.ts",
    env: { SPARSE_BYTES: "4402341478", WHOLE_READERS: "4", RANGE_RUNS: "200" },
  },
  {
    name: "same-bytes",
    file: "core/ledger/same-bytes.test.ts",
    env: { NODES: "20.15 22 24 26" },
  },
  {
    name: "resident",
    file: "core/ledger/resident.test.ts",
    env: { STREAM_BYTES: "2000000000", RESIDENT_BYTES: "150000000" },
  },
  { name: "fuzz", file: "core/ledger/fuzz.test.ts", env: { FUZZ_RUNS: "100000" } },
  { name: "folder-fuzz", file: "core/ledger/folder-fuzz.test.ts", env: { FUZZ_RUNS: "100000" } },
  { name: "name-fuzz", file: "core/ledger/name-fuzz.test.ts", env: { FUZZ_RUNS: "50000" } },
  { name: "zip-fuzz", file: "core/zip/fuzz.test.ts", env: { FUZZ_RUNS: "200000" } },
]

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const vitest = [path("../node_modules/vitest/vitest.mjs"), "run"]
const config = ["--config", path("vitest.config.ts")]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name))
if (unknown.length > 0) throw new Error(`no suite is called ${unknown.join(", ")}`)

const run = ({ name, file, env }) => {
  const begun = Date.now()
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`)
  console.log(`\n=== ${name}: ${file} ${settings.join(" ")}`)
  const { status, error } = spawnSync(process.execPath, [...vitest, ...config, file], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  })
  if (error) throw error
  const seconds = Math.round((Date.now() - begun) / 1000)
  return { name, ok: status === 0, text: `${status === 0 ? "passed" : "FAILED"}, ${seconds} s` }
}

const results = suites
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  .map((suite) => run(suite))
for (const { name, text } of results) console.log(`${name}: ${text}`)
if (results.some(({ ok }) => !ok)) process.exitCode = 1

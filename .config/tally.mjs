// Sums what vitest's JSON reporter wrote: `node .config/tally.mjs FOLDER` prints one line,
// `N passed, N failed`, and what was skipped if anything was, over every report in the folder. With
// `--whole` behind it, skipped tests are named, and make it fail.
//
// Knows nothing of what was tested.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = process.argv[2]
if (folder === undefined) throw new Error("which folder of reports?")

const reports = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")))
const sum = (count) => reports.reduce((total, report) => total + count(report), 0)
const counted = ["passed", "failed"]
const skipped = reports
  .flatMap(({ testResults }) => testResults)
  .flatMap(({ assertionResults }) => assertionResults)
  .filter(({ status }) => !counted.includes(status))

console.log(
  `${sum(({ numPassedTests }) => numPassedTests)} passed, ` +
    `${sum(({ numFailedTests }) => numFailedTests)} failed` +
    (skipped.length === 0 ? "" : `, ${skipped.length} skipped`),
)
if (process.argv.includes("--whole") && skipped.length > 0) {
  for (const { fullName } of skipped) console.error(`skipped: ${fullName}`)
  process.exitCode = 1
}

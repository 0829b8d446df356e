// Sums what vitest's JSON reporter wrote: `node .config/tally.mjs FOLDER` prints one line,
// `N passed, N failed`, over every report in the folder.
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
const skipped = sum(({ numPendingTests, numTodoTests }) => numPendingTests + numTodoTests)

console.log(
  `${sum(({ numPassedTests }) => numPassedTests)} passed, ` +
    `${sum(({ numFailedTests }) => numFailedTests)} failed` +
    (skipped === 0 ? "" : `, ${skipped} skipped`),
)

/**
 * The life of one table in a ledger: saved as it came, cleaned, released, put into production,
 * loaded again as it was, and handed out as a zip.
 *
 * Knows Daybook by its package name alone, as any other program would. Every write carries an
 * idempotency key, so a second run finds what the first one wrote and adds nothing.
 */
import { readFile } from "node:fs/promises"
import { type ArtifactVersion, openLedger, uri } from "daybook"

type Penguin = { readonly [column: string]: string | number | null }

// Colour is for people in front of a terminal (no-color.org).
const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR
const style = (code: number) => (text: string | number) =>
  isColoured ? `\u001b[${code}m${text}\u001b[0m` : String(text)
const [bold, dim, green, yellow, cyan] = [style(1), style(2), style(32), style(33), style(36)]

const say = (text = "") => console.log(text === "" ? "" : `    ${text}`)
let steps = 0
const step = (title: string) => {
  steps += 1
  say()
  console.log(` ${bold(cyan(steps))}  ${bold(title)}`)
}
const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(1)} kB`

/** One line about a version, out of what the ledger answers. */
const show = ({ name, version, metadata, size, digest, tags }: ArtifactVersion) => {
  const label = cyan(`${name}@${version}`.padEnd(18))
  const length = `${metadata.length} rows`
  const content = dim(`sha256 ${digest.slice(0, 8)}`)
  say([label, length, kilobytes(size), content, ...tags.map(yellow)].join("  "))
}

const gap = (row: Penguin) => Object.values(row).some((cell) => cell === null || cell === ".")

/** How many rows each species has, the most first. */
const count = (table: ReadonlyArray<Penguin>) => {
  const counts = new Map<string, number>()
  for (const { Species } of table) {
    const name = String(Species)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].sort(([, a], [, b]) => b - a)
}

// A stranger's way to a file of a package: from the module that its name leads to.
const source = new URL("../data/penguins.json", import.meta.resolve("vega-datasets"))
const rows: ReadonlyArray<Penguin> = JSON.parse(await readFile(source, "utf8"))

// #region open
const ledger = await openLedger({ directory: "./penguins-ledger", actor: "ann" })
// #endregion
const found = ledger.position

console.log(`\n ${bold("Daybook")} ${dim("keeps what programs make, and how it came to be")}`)

step("Save the table as it came")
// #region save
const raw = await ledger.save("penguins", rows, {
  metadata: { source: uri("https://github.com/vega/vega-datasets") },
  idempotencyKey: "penguins as they came",
})
// #endregion
show(raw)

step("Save a cleaned version, made from that one")
const complete = rows.filter((row) => !gap(row))
// #region derive
const cleaned = await ledger.save("penguins", complete, {
  inputs: [raw],
  tags: "cleaned",
  metadata: { dropped: rows.length - complete.length },
  idempotencyKey: "penguins without gaps",
})
// #endregion
show(cleaned)
say(dim(`${cleaned.metadata.dropped} rows had a gap, or a dot where the sex should be`))

step("Release the raw table under a label of its own")
// #region release
const release = await ledger.save("penguins", rows, {
  version: "raw_2023",
  description: "The table as the stations reported it",
  idempotencyKey: "the release of 2023",
})
// #endregion
show(release)
say(dim("the content of version 1: another name for it, and no byte stored twice"))

step("Say more about a version later")
// #region metadata
await ledger.logMetadata(
  "penguins@2",
  { review: { by: "ben", passed: true } },
  { idempotencyKey: "the review of version 2" },
)
const lengths = await ledger.metadataSeries("penguins", "length")
// #endregion
const { review, shape } = (await ledger.get(cleaned)).metadata
say(`version 2       ${dim("review")} ${JSON.stringify(review)}`)
say(`                ${dim("shape")}  ${[shape].flat().join(" × ")}`)
say(`every version   ${dim("length")} ${lengths.map(({ value }) => value).join(" → ")}`)

step("Move production from one version to another")
// #region tag
await ledger.defineTag("production", { exclusive: true, idempotencyKey: "what production is" })
await ledger.tag("penguins@1", "production", { idempotencyKey: "first in production" })

const moved = await ledger.with({ actor: "ben" }).tag("penguins@2", "production", {
  expect: { holder: "1" },
  reason: "no gaps left",
  idempotencyKey: "second in production",
})
const now = await ledger.get("penguins@production")
// #endregion
show(now)

step("Ask who held it before")
// #region past
const before = ledger.asOf(moved.position - 1)
const then = await before.get("penguins@production")
// #endregion
show(then)
for await (const event of ledger.history({ tag: "production" })) say(ledger.formatEvent(event))

step("Load the old version again")
// #region load
const table = await ledger.load(release)
// #endregion
for (const [species, penguins] of count(table))
  say(`${species.padEnd(10)} ${String(penguins).padStart(3)}  ${cyan("█".repeat(penguins / 5))}`)
const same = JSON.stringify(table) === JSON.stringify(rows)
say(same ? `${green("✓")} ${table.length} rows, each as it was saved` : "✗ not what was saved")

step("Read the whole story")
for await (const event of ledger.history({ artifact: "penguins" })) {
  const time = new Date(event.time).toISOString().slice(11, 19)
  say(dim(`${String(event.position).padStart(2)}  ${time}  `) + ledger.formatEvent(event))
}

step("Hand the production version out")
// #region download
const zip = await ledger.download("penguins@production", "./penguins.zip", { overwrite: true })
// #endregion
say(`${cyan(zip.path)}  ${kilobytes(zip.size)}  ${dim("table.jsonl and schema.json")}`)

say()
say(bold("What lies where"))
const places = [
  ["penguins.zip", "for any unzip; pandas and DuckDB read the table"],
  ["penguins-ledger/ledger.json", "who this ledger is"],
  ["penguins-ledger/log/", "the events: the truth, never edited"],
  ["penguins-ledger/view/", "what they mean; delete it, it is folded again"],
  ["penguins-ledger/blob/packs/", "the bytes, each stored once"],
  ["penguins-ledger/tip", "the last seal: event count and Merkle root"],
] as const
for (const [path, what] of places) say(cyan(path.padEnd(29)) + dim(what))

const added = ledger.position - found
await ledger.close()
say()
say(
  added > 0
    ? `${green("✓")} ${added} events written. Run it again: none is added, every write has its key.`
    : `${green("✓")} All ${found} events were there, none was added: every write has its key.`,
)
say()

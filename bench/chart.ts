/**
 * Draws figures that `run.ts` wrote down as a chart, for the README: how fast each contender was as
 * a part of the bare baseline, in the same round of the same run.
 *
 *   npm run chart -- results/….json
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Measured, Speed } from "./measure.js"

const width = 760
const labelWidth = 250
const barHeight = 14
const rowGap = 14
const top = 46
const full = width - labelWidth - 120

const colours: ReadonlyArray<readonly [name: string, colour: string]> = [
  ["daybook", "#2f6feb"],
  ["better-sqlite3", "#c77d1a"],
]

const colourOf = ({ name }: Speed): string | undefined =>
  colours.find(([prefix]) => name.startsWith(prefix))?.[1]

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (mark) => `&#${mark.charCodeAt(0)};`)

const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`

/** Bars of one comparison, from `y` on. What is above twice the baseline is cut off there. */
const rowOf = ({ title, speeds }: Measured, y: number) => {
  const bars = speeds.flatMap((speed) => {
    const colour = colourOf(speed)
    return colour === undefined ? [] : [{ ...speed, colour }]
  })
  const lines = bars.map(({ ratio, median, colour }, index) => {
    const at = y + index * (barHeight + 2)
    const length = Math.max(1, Math.min(ratio, 2) * (full / 2))
    const figure = `${ratio.toFixed(2)}  (${Math.round(median).toLocaleString("en")}/s)`
    return (
      `<rect x="${labelWidth}" y="${at}" width="${length.toFixed(1)}" height="${barHeight}" ` +
      `fill="${colour}"/>` +
      text(labelWidth + length + 6, at + barHeight - 3, figure)
    )
  })
  const height = bars.length * (barHeight + 2)
  const label = text(labelWidth - 10, y + height / 2 + 4, title, 'text-anchor="end"')
  return { height, svg: [label, ...lines].join("\n") }
}

const draw = (results: ReadonlyArray<Measured>): string => {
  let y = top
  const rows: Array<string> = []
  for (const measured of results) {
    const { height, svg } = rowOf(measured, y)
    rows.push(svg)
    y += height + rowGap
  }
  const one = labelWidth + full / 2
  const legend = colours.map(([name, colour], index) => {
    const x = labelWidth + index * 130
    return `<rect x="${x}" y="8" width="12" height="12" fill="${colour}"/>${text(x + 18, 18, name)}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}"
  font-family="system-ui, sans-serif" font-size="12" fill="#7d8590">
<title>Speed as a part of that of bare LevelDB</title>
${legend.join("\n")}
<path d="M${one} 34V${y - rowGap / 2}" stroke="#7d8590" stroke-dasharray="3 3"/>
${text(one, 32, "bare LevelDB = 1", 'text-anchor="middle"')}
${rows.join("\n")}
</svg>
`
}

const [path = ""] = process.argv.slice(2)
const { results } = JSON.parse(readFileSync(path, "utf8")) as {
  readonly results: ReadonlyArray<Measured>
}
const wanted = results.filter(
  ({ baseline, speeds }) => baseline.startsWith("level, ") && speeds[0]?.name === "daybook",
)
writeFileSync(fileURLToPath(new URL("figures.svg", import.meta.url)), draw(wanted))

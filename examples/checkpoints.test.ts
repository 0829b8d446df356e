/**
 * The training loop, run as a program: which file was changed is said, and what of the checkpoints
 * is handed out is what was registered.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { openLedger } from "daybook"
import { strFromU8, unzipSync } from "fflate"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "daybook-checkpoints-"))
let printed = ""

beforeAll(() => {
  const tsx = new URL("../node_modules/tsx/dist/esm/index.mjs", import.meta.url).href
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", tsx, path("checkpoints.ts"), directory],
    { encoding: "utf8", env: { ...process.env, TSX_TSCONFIG_PATH: path("../tsconfig.json") } },
  )
  if (status !== 0) throw new Error(`the program ended with ${status}: ${stderr}`)
  printed = stdout
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe("a training loop", () => {
  it("is told which file of which checkpoint was changed by hand", () => {
    expect(printed).toContain("checkpoints@1: 2 same, 0 changed, 0 missing, 0 extra\n")
    expect(printed).toContain(
      "checkpoints@2: 1 same, 1 changed, 0 missing, 0 extra: metrics.json (content)\n",
    )
    expect(printed).toContain("checkpoints@2: refused, metrics.json is not what was registered")
  })

  it("has archives of the others, whole, and none of the one that was changed", () => {
    for (const epoch of [1, 3]) {
      const files = unzipSync(readFileSync(join(directory, `checkpoints@${epoch}.zip`)))
      const folder = join(directory, "runs", `epoch-${epoch}`)
      expect(Object.keys(files).sort()).toEqual(["metrics.json", "weights.bin"])
      const metrics = strFromU8(files["metrics.json"] ?? new Uint8Array(0))
      expect(metrics).toBe(readFileSync(join(folder, "metrics.json"), "utf8"))
      expect(Buffer.from(files["weights.bin"] ?? [])).toEqual(
        readFileSync(join(folder, "weights.bin")),
      )
    }
    expect(existsSync(join(directory, "checkpoints@2.zip"))).toBe(false)
  })

  it("has learned, and what was registered lies in its root", async () => {
    const runs = join(directory, "runs")
    const ledger = await openLedger({ directory: join(directory, "ledger"), roots: { runs } })
    const [first, last] = [await ledger.get("checkpoints@1"), await ledger.get("checkpoints@3")]
    expect(Number(last.metadata.accuracy)).toBeGreaterThan(Number(first.metadata.accuracy))
    expect(last.content.link).toEqual({ root: "runs", path: "epoch-3" })
    await ledger.close()
  })
})

// Builds dist/ from nothing, so that no file of an earlier build can be packed.
//
// Knows only where the compiler and its build configuration are, not what they compile.
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

rmSync(path("../dist"), { recursive: true, force: true })
const tsc = path("../node_modules/typescript/bin/tsc")
const { status, error } = spawnSync(process.execPath, [tsc, "-p", path("tsconfig.build.json")], {
  stdio: "inherit",
})
if (error) throw error
process.exitCode = status ?? 1

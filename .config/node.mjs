// Brings the newest Node of a release line from npm: `node .config/node.mjs 26` prints the path of
// its binary. It stays in .nodes/ and is fetched only once.
//
// Knows nothing of what is run with it.
import { spawnSync } from "node:child_process"
import { existsSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(import.meta.url)

const windows = process.platform === "win32"

/** The path of a Node binary of this release line. */
export const bringNode = (version) => {
  const name = `node-${windows ? "win" : process.platform}-${process.arch}`
  const folder = join(script, "../../.nodes", version)
  const binary = join(folder, "node_modules", name, "bin", windows ? "node.exe" : "node")
  if (existsSync(binary)) return binary
  // Its install script would only fetch what the package already contains.
  const options = ["--no-save", "--no-package-lock", "--ignore-scripts", "--silent"]
  const install = ["install", "--prefix", folder, ...options, `${name}@${version}`]
  const { status, error } = spawnSync("npm", install, {
    stdio: ["ignore", "ignore", "inherit"],
    shell: windows,
  })
  if (error) throw error
  if (status !== 0 || !existsSync(binary)) throw new Error(`npm has no ${name}@${version}`)
  return binary
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === script) {
  const version = process.argv[2]
  if (version === undefined) throw new Error("which release line? As in: node .config/node.mjs 26")
  console.log(bringNode(version))
}

/**
 * The names under which the package is imported, and the sources behind them, read off the export
 * map of package.json: one line there is all that a new door or adapter needs.
 *
 * Knows nothing of what is behind a door.
 */

/** What is read of package.json. */
export interface Manifest {
  readonly name: string
  readonly exports: { readonly [door: string]: string | { readonly default: string } }
  readonly bin?: { readonly [command: string]: string }
  readonly peerDependencies?: { readonly [name: string]: string }
  readonly peerDependenciesMeta?: { readonly [name: string]: { readonly optional?: boolean } }
}

/** The source that a built file was made from: `./dist/core/index.js` is `core/index.ts`. */
const sourceOf = (built: string): string =>
  built.replace(/^(\.\/)?dist\//, "").replace(/\.js$/, ".ts")

/** Specifier to source path: `daybook/effect` to `core/effect.ts`. */
export const doorsOf = ({ name, exports }: Manifest): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(exports)
      .filter(([door]) => !door.endsWith(".json"))
      .map(([door, target]) => [
        door.replace(".", name),
        sourceOf(typeof target === "string" ? target : target.default),
      ]),
  )

/** The sources of the package's programs. */
export const programsOf = ({ bin = {} }: Manifest): ReadonlyArray<string> =>
  Object.values(bin).map(sourceOf)

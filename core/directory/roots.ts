/**
 * Roots: the directories that paths of a caller are confined to, each by a name of the caller's.
 *
 * A path belongs to a root by its components, never by its text; what is kept of it is the name of
 * the root and the path from there. Without roots a path is kept as it is, from the top. Opens
 * nothing but directories.
 */
import { isAbsolute, sep } from "node:path"
import { InvalidInput } from "../errors.js"
import type { Link } from "../model/artifact.js"
import type { Found } from "./found.js"
import { type OpenDirectory, openBelow, openDirectory, resolved } from "./safe-path.js"

interface Root extends Pick<Found, "device" | "inode"> {
  readonly components: ReadonlyArray<string>
  readonly path: string
}

/** Undefined where nothing is confined. */
export type Roots = ReadonlyMap<string, Root> | undefined

const componentsOf = (path: string): ReadonlyArray<string> =>
  path.split(sep).filter((component) => component !== "")

const isBelow = (path: ReadonlyArray<string>, root: ReadonlyArray<string>): boolean =>
  path.length >= root.length && root.every((component, at) => path[at] === component)

/** Opens a directory of the system, component by component from the top. */
const openWhole = async (path: string): Promise<OpenDirectory> => {
  const top = await openDirectory(sep)
  try {
    return await openBelow(top, componentsOf(path))
  } finally {
    await top.release()
  }
}

/** The roots of an open ledger. Throws `InvalidInput` for one that is no directory. */
export const findRoots = async (given: Readonly<Record<string, string>>): Promise<Roots> => {
  const roots = new Map<string, Root>()
  for (const [name, directory] of Object.entries(given)) {
    const at = `options.roots.${name}`
    const path = await resolved(directory, at)
    const opened = await openDirectory(path).catch(() => {
      throw new InvalidInput({ message: `${at} is not a directory that can be read`, path: at })
    })
    const { device, inode } = opened.found
    await opened.release()
    roots.set(name, { components: componentsOf(path), path, device, inode })
  }
  return roots
}

const outside = (path: string, roots: ReadonlyMap<string, Root>, at: string): InvalidInput =>
  new InvalidInput({
    message: `${path} lies in none of the roots ${[...roots.keys()].join(", ")}`,
    path: at,
  })

/**
 * Where a path of a caller leads to, as it is kept. Symlinks on the way are followed once, now.
 * `at` is the name of the argument.
 */
export const linkOf = async (roots: Roots, given: string, at = "path"): Promise<Link> => {
  const path = await resolved(given, at)
  if (roots === undefined) return { path }
  const components = componentsOf(path)
  const below = [...roots].filter(([, root]) => isBelow(components, root.components))
  // Of roots within each other, the innermost.
  const [inner] = below.sort(([, a], [, b]) => b.components.length - a.components.length)
  if (inner === undefined) throw outside(given, roots, at)
  const [name, root] = inner
  return { root: name, path: components.slice(root.components.length).join("/") || "." }
}

const openRoot = async (name: string, root: Root): Promise<OpenDirectory> => {
  const opened = await openWhole(root.path)
  if (opened.found.device === root.device && opened.found.inode === root.inode) return opened
  await opened.release()
  throw new InvalidInput({
    message: `the root ${name} is another directory than when the ledger was opened: open it again`,
    path: `options.roots.${name}`,
  })
}

const notRooted = (link: Link): InvalidInput =>
  new InvalidInput({
    message:
      link.root === undefined
        ? `${link.path} was registered without roots: open the ledger without them to read it`
        : `it lies in the root ${link.root}: name it in { roots } when opening the ledger`,
    path: "options.roots",
  })

/** What a link leads to: a directory, and the name in it that is meant, if it is a single file. */
export interface Linked {
  readonly directory: OpenDirectory
  readonly name: string | undefined
}

/**
 * The names on the way of a link, which `linkOf` made without dots. What is stored is not believed:
 * one that climbs would lead out of its root.
 */
const stepsOf = ({ root, path }: Link): ReadonlyArray<string> => {
  const steps = componentsOf(path).filter((component) => component !== ".")
  const isWhole = root !== undefined || isAbsolute(path)
  if (isWhole && !steps.includes("..") && !path.includes("\0")) return steps
  throw new InvalidInput({
    message: `the place ${path} is not one that register keeps: the ledger was tampered with`,
    path: "reference",
  })
}

/** Opens what a link leads to, without following a symlink. Whoever asks releases the directory. */
export const openLink = async (roots: Roots, link: Link): Promise<Linked> => {
  const components = [...stepsOf(link)]
  const name = link.file === true ? components.pop() : undefined
  if (link.root === undefined) {
    if (roots !== undefined) throw notRooted(link)
    return { directory: await openWhole(sep + components.join(sep)), name }
  }
  const root = roots?.get(link.root)
  if (root === undefined) throw notRooted(link)
  const top = await openRoot(link.root, root)
  try {
    return { directory: await openBelow(top, components), name }
  } finally {
    await top.release()
  }
}

/** The path of a link in the file system. */
export const pathOf = (roots: Roots, link: Link): string => {
  const steps = stepsOf(link)
  if (link.root === undefined) return link.path
  const root = roots?.get(link.root)
  if (root === undefined) throw notRooted(link)
  return [root.path, ...steps].join(sep)
}

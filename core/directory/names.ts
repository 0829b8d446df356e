/**
 * Names as file systems have them: bytes, of which Daybook keeps those that are UTF-8 and can be
 * the path of an entry.
 */
import { InvalidInput } from "../errors.js"
import { pathProblem, type RelativePath } from "../model/path.js"
import { shownBytes, textOf } from "../model/utf8.js"

/** Why an entry cannot be kept, and what to do. */
export const refusedName = (shown: string, problem: string): InvalidInput =>
  new InvalidInput({
    message: `the name ${shown} ${problem}: rename it, or register a folder without it`,
    path: shown,
  })

/** The path of an entry below `below`, which is empty or ends in a slash. Throws `InvalidInput`. */
export const entryPath = (below: string, name: Uint8Array): RelativePath => {
  const text = textOf(name)
  const shown = below + shownBytes(name)
  if (text === undefined) throw refusedName(shown, "is not UTF-8")
  const path = below + text
  const problem = pathProblem(path)
  if (problem !== undefined) throw refusedName(shown, problem)
  return path as RelativePath
}

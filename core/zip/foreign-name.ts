/**
 * Names and kinds of foreign entries: from the bytes of a name and the attributes of its entry to a
 * path of a tree. Whatever is not clearly one of ours is refused, with the bytes shown.
 *
 * Knows one entry at a time.
 */
import { isRelativePath, pathProblem, type RelativePath } from "../model/path.js"
import type { EntryKind } from "../model/tree.js"
import { textOf } from "../model/utf8.js"
import { refuseEntry } from "./refused.js"

const isAscii = (bytes: Buffer): boolean => bytes.every((byte) => byte < 0x80)

/**
 * A name as it stands in the archive. `isMarked`: it is said to be UTF-8. Otherwise it would be of
 * code page 437 (APPNOTE.TXT 6.3.10, appendix D), but writers did not keep to that, and nobody
 * knows what they meant: only ASCII is the same in all.
 */
export const foreignName = (bytes: Buffer, isMarked: boolean): string => {
  if (!isMarked && !isAscii(bytes))
    return refuseEntry(
      bytes,
      "has a name that is neither ASCII nor marked as UTF-8: pack it again with UTF-8 names",
    )
  const problem = "has a name marked as UTF-8, which it is not"
  return textOf(bytes) ?? refuseEntry(bytes, problem)
}

// Names that Windows opens as a device, in any folder and with any ending.
const device = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *([.:]|$)/i

/** The path of a name, in normalization form C; the slash that ends that of a directory is cut. */
export const foreignPath = (name: string): RelativePath => {
  const path = (name.endsWith("/") ? name.slice(0, -1) : name).normalize("NFC")
  if (path.split("/").some((component) => device.test(component)))
    return refuseEntry(name, "has the name of a device, which no file can have on Windows")
  return isRelativePath(path)
    ? path
    : refuseEntry(name, `${pathProblem(path)}: the archive is broken, or means harm`)
}

// The upper half of the external attributes is the mode of stat(2), where the writer knew one.
const typeBits = 0o170000
const kinds: ReadonlyMap<number, EntryKind> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
])
const ownerMayExecute = 0o100

/** What an entry is, by its mode and its name, which must not contradict each other. */
export const foreignKind = (
  name: string,
  attributes: number,
): { readonly kind: EntryKind; readonly executable: boolean } => {
  const mode = attributes >>> 16
  const bySlash: EntryKind = name.endsWith("/") ? "directory" : "file"
  const type = mode & typeBits
  const kind = type === 0 ? bySlash : kinds.get(type)
  if (kind === undefined)
    return refuseEntry(name, "is a device, a pipe or a socket, which no version can hold")
  if ((kind === "directory") !== (bySlash === "directory"))
    return refuseEntry(name, `is a ${kind} by its mode and a ${bySlash} by its name`)
  return { kind, executable: kind === "file" && (mode & ownerMayExecute) !== 0 }
}

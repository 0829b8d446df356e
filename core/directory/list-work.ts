/**
 * Work for a thread: some directories below a root, each with all that is in it and what the system
 * says of every entry. A directory may be large, so a listing is packed, and read entry by entry.
 *
 * Opens no file.
 */
import type { Done, Work } from "../thread/work.js"
import type { Found } from "./found.js"
import { bufferOf, type ListedEntry, type PackedListing, packListing } from "./listing.js"
import { isUnchanged } from "./look.js"
import {
  type Below,
  type ByteName,
  type DirectoryNow,
  type Problem,
  problemOf,
  Way,
} from "./open-now.js"
import type { Place } from "./safe-path.js"

/** A directory to list: all that is in it, or the entry of one name. */
export interface Listed extends Below {
  readonly only?: string
}

export interface ListJob {
  readonly root: Place
  readonly directories: ReadonlyArray<Listed>
}

/** One for each directory that was asked for, in their order. */
export type Listings = ReadonlyArray<PackedListing | { readonly problem: Problem }>

const nothing: Found = {
  kind: "special",
  device: 0n,
  inode: 0n,
  size: 0,
  mode: 0,
  mtime: 0n,
  ctime: 0n,
}

const lookAt = (directory: DirectoryNow, name: ByteName): Omit<ListedEntry, "name"> => {
  try {
    const found = directory.look(name)
    if (found.kind !== "symlink") return { found }
    const target = directory.link(name)
    return isUnchanged(found, directory.look(name))
      ? { found, target }
      : { found, problem: { sentence: "changed" } }
  } catch (cause) {
    return { found: nothing, problem: problemOf(cause) }
  }
}

const list = (directory: DirectoryNow, only: string | undefined): PackedListing => {
  const all = only === undefined ? directory.names() : [Buffer.from(only).toString("latin1")]
  const names = [...all].sort()
  const { device, inode } = directory.place
  return packListing({ device, inode }, names, (name) => lookAt(directory, name))
}

export const answer = ({ root, directories }: ListJob): Done<Listings> => {
  const way = new Way(root)
  const transfer: Array<ArrayBuffer> = []
  try {
    const value = directories.map((below) => {
      try {
        const listing = list(way.to(below), below.only)
        transfer.push(bufferOf(listing))
        return listing
      } catch (cause) {
        return { problem: problemOf(cause) }
      }
    })
    return { value, transfer }
  } finally {
    way.close()
  }
}

export const listWork: Work<ListJob, Listings> = { module: import.meta.url, answer }

/**
 * A directory as it lies there beside what was registered of it, both in the order of the bytes of
 * their names: gone through side by side, so that nothing of it has to be looked up, or is kept.
 *
 * Opens nothing, and reads no file: what only its bytes can tell is given back.
 */
import { join } from "node:path"
import { splitPath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import { shownBytes, textOf } from "../model/utf8.js"
import { failureAt } from "./asked.js"
import type { Found } from "./found.js"
import { type Change, judge, type LinkedEntry } from "./judge.js"
import type { ListedEntry, Listing } from "./listing.js"
import { isDirectory, type Registered } from "./registered.js"

/** What is found of a path; undefined where nothing has changed. */
export type See = (path: string, change: Change | "extra" | undefined) => void

export interface Seeing {
  readonly check: "stat" | "hash"
  /** Whether all that was there was registered; else nothing is extra. */
  readonly isWhole: boolean
  readonly see: See
}

/** A file whose bytes must say whether it is what it was. */
export interface Unread {
  readonly name: string
  readonly found: Found
  readonly entry: LinkedEntry
}

/** Meets what was registered of a directory, one by one and in order, with what lies there. */
export class Beside {
  readonly #seeing: Seeing
  readonly #path: string
  readonly #listing: Listing | undefined
  #at = 0
  /** What comes next of what lies there. */
  #lying: ListedEntry | undefined
  /** Its name; undefined where this is no UTF-8. */
  #name: string | undefined

  /** Without a listing nothing is there. Throws `ScanFailure`, as all of it does. */
  constructor(seeing: Seeing, path: string, listing: Listing | undefined) {
    this.#seeing = seeing
    this.#path = path
    this.#listing = listing
    this.#advance()
  }

  /** Sees what was there and what lies before it; gives what its bytes must be asked about. */
  meet(was: Registered): Unread | undefined {
    const name = splitPath(was.path).name
    let order = this.#order(name)
    for (; order < 0; order = this.#order(name)) this.#pass()
    const { see, check } = this.#seeing
    const lying = this.#lying
    if (order > 0 || lying === undefined) {
      // A directory that is not there is compared with nothing by itself.
      if (!isDirectory(was)) see(was.path, "missing")
      return undefined
    }
    if (isDirectory(was)) {
      if (lying.found.kind === "directory") this.#advance()
      else this.#pass()
      return undefined
    }
    this.#advance()
    const change = judge(lying, was, check)
    if (change === "unread") return { name, found: lying.found, entry: was }
    see(was.path, change)
    return undefined
  }

  /** What still lies there. */
  finish(): void {
    while (this.#lying !== undefined) this.#pass()
  }

  /** Where the next one that lies there is: before a name, or behind it. */
  #order(name: string): number {
    if (this.#lying === undefined) return 1
    if (this.#name !== undefined) return compareUtf8(this.#name, name)
    return Buffer.compare(this.#lying.name, Buffer.from(name))
  }

  /** It was not there. */
  #pass(): void {
    const { isWhole, see } = this.#seeing
    const name = this.#name ?? shownBytes(this.#lying?.name ?? new Uint8Array(0))
    if (isWhole) see(join(this.#path, name), "extra")
    this.#advance()
  }

  #advance(): void {
    this.#lying = undefined
    const listing = this.#listing
    while (listing !== undefined && this.#lying === undefined && this.#at < listing.count) {
      const lying = listing.entry(this.#at)
      this.#at += 1
      const { name, problem } = lying
      if (problem === undefined) {
        this.#lying = lying
        this.#name = textOf(name)
      } else if (!("sentence" in problem))
        throw failureAt(join(this.#path, shownBytes(name)), problem)
      // What went while it was looked at is not there.
    }
  }
}

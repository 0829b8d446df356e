/**
 * Opening without waiting, for threads of their own: by the same rules as `safe-path`, component by
 * component from a directory that somebody holds open.
 *
 * A thread that waits for a disk keeps nobody else from going on, and ten calls of the system cost
 * less than one that is waited for. Does not know what is read.
 */
import {
  closeSync,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
} from "node:fs"
import { join } from "node:path"
import { type PlainError, toPlainError } from "../model/cause.js"
import type { Found, sentences } from "./found.js"
import {
  directoryFlags,
  fileFlags,
  hasDescriptors,
  isGone,
  isSameEntry,
  prefixOf,
  toFound,
} from "./look.js"
import type { Place } from "./safe-path.js"

/** What is wrong with an entry: one of ours, or what the system said. Travels between threads. */
export type Problem = { readonly sentence: keyof typeof sentences } | PlainError

/**
 * A name as the bytes it has, a letter for each (Latin-1): it sorts as they do. A buffer of its own
 * for each of a million names would take ten times the room.
 */
export type ByteName = string

class Unfit extends Error {
  readonly sentence: keyof typeof sentences

  constructor(sentence: keyof typeof sentences) {
    super(sentence)
    this.sentence = sentence
  }
}

/** The error of an entry that is not what it was. */
export const unfit = (sentence: keyof typeof sentences): Error => new Unfit(sentence)

export const problemOf = (cause: unknown): Problem =>
  cause instanceof Unfit ? { sentence: cause.sentence } : toPlainError(cause)

/** A file that is open on this thread. */
export interface FileNow {
  readonly descriptor: number
  readonly found: Found
}

export const statNow = (descriptor: number): Found =>
  toFound(fstatSync(descriptor, { bigint: true }))

/** Exactly these bytes, from the beginning. */
export const fillNow = ({ descriptor }: FileNow, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(descriptor, bytes, at, bytes.length - at, at)
    if (count === 0) throw new Unfit("shorter")
    at += count
  }
}

/** Closes, whatever becomes of the use. */
export const usingFile = <A>(file: FileNow, use: (file: FileNow) => A): A => {
  try {
    return use(file)
  } finally {
    closeSync(file.descriptor)
  }
}

export class DirectoryNow {
  readonly place: Place

  constructor(place: Place) {
    this.place = place
  }

  directory(name: string): DirectoryNow {
    const descriptor = this.#open(name, directoryFlags)
    const { device, inode } = statNow(descriptor)
    return new DirectoryNow({ descriptor, shown: join(this.place.shown, name), device, inode })
  }

  file(name: string): FileNow {
    const descriptor = this.#open(name, fileFlags)
    try {
      const found = statNow(descriptor)
      if (found.kind !== "file") throw new Unfit("file")
      return { descriptor, found }
    } catch (cause) {
      closeSync(descriptor)
      throw cause
    }
  }

  look(name: ByteName): Found {
    return this.#looking(() => toFound(lstatSync(this.#at(name), { bigint: true })))
  }

  /** Where a symlink points, as the bytes it has. It must be the one that was looked at. */
  link(name: ByteName): Buffer {
    return this.#looking(() => readlinkSync(this.#at(name), { encoding: "buffer" }))
  }

  /** The names in it, in the order of the system. */
  *names(): Generator<ByteName> {
    const options = { encoding: "latin1", bufferSize: 1_024 } as const
    const { descriptor, shown } = this.place
    const listing = this.#looking(() => opendirSync(prefixOf(descriptor, shown), options))
    try {
      for (let entry = listing.readSync(); entry !== null; entry = listing.readSync())
        yield entry.name
    } finally {
      listing.closeSync()
    }
  }

  close(): void {
    closeSync(this.place.descriptor)
  }

  #at(name: ByteName): Buffer {
    const { descriptor, shown } = this.place
    return Buffer.concat([Buffer.from(prefixOf(descriptor, shown)), Buffer.from(name, "latin1")])
  }

  #looking<A>(look: () => A): A {
    try {
      const answer = look()
      this.#confirm()
      return answer
    } catch (cause) {
      throw isGone(cause) ? new Unfit("gone") : cause
    }
  }

  #open(name: string, flags: number): number {
    const { descriptor, shown } = this.place
    let opened: number
    try {
      opened = openSync(prefixOf(descriptor, shown) + name, flags)
    } catch (cause) {
      throw isGone(cause) ? new Unfit("other") : cause
    }
    try {
      this.#confirm()
      return opened
    } catch (cause) {
      closeSync(opened)
      throw cause
    }
  }

  /** Where an entry is found by its whole path: that path still leads through this directory. */
  #confirm(): void {
    if (hasDescriptors) return
    const now = toFound(lstatSync(this.place.shown, { bigint: true }))
    if (!isSameEntry(now, this.place)) throw new Unfit("directory")
  }
}

/** A directory below a root, and which one it was when it was found. */
export interface Below extends Partial<Pick<Found, "device" | "inode">> {
  /** Empty for the root itself. */
  readonly path: string
}

/** The way from a root to the directory that was used last: the next one is mostly near it. */
export class Way {
  readonly #open: Array<{ readonly name: string; readonly directory: DirectoryNow }> = []
  readonly #root: DirectoryNow

  constructor(root: Place) {
    this.#root = new DirectoryNow(root)
  }

  to({ path, device, inode }: Below): DirectoryNow {
    const names = path === "" ? [] : path.split("/")
    const shared = this.#open.findIndex(({ name }, at) => name !== names[at])
    this.#back(shared < 0 ? Math.min(this.#open.length, names.length) : shared)
    for (const name of names.slice(this.#open.length))
      this.#open.push({ name, directory: this.#last().directory(name) })
    const directory = this.#last()
    const isOther =
      device !== undefined &&
      inode !== undefined &&
      !isSameEntry(directory.place, { device, inode })
    if (isOther) throw new Unfit("directory")
    return directory
  }

  close(): void {
    this.#back(0)
  }

  #last(): DirectoryNow {
    return this.#open.at(-1)?.directory ?? this.#root
  }

  #back(count: number): void {
    for (const { directory } of this.#open.splice(count)) directory.close()
  }
}

/**
 * Temporary directories of an open ledger: made when they are needed, gone when it is closed.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { FileFailure } from "../errors.js"
import { fileFailure } from "../model/file-failure.js"

export class Temporary {
  readonly #directories: Array<string> = []

  /** A new empty directory, for its owner alone. */
  readonly make: Effect.Effect<string, FileFailure> = Effect.tryPromise({
    try: async () => {
      const directory = await mkdtemp(join(tmpdir(), "daybook-"))
      this.#directories.push(directory)
      return directory
    },
    catch: (cause) =>
      fileFailure(
        "checkout",
        `no directory can be made in ${tmpdir()}: make room there, or set TMPDIR`,
        cause,
      ),
  })

  /** What cannot be removed is left to the system. */
  readonly remove = Effect.promise(async () => {
    for (const directory of this.#directories.splice(0))
      await rm(directory, { recursive: true, force: true }).catch(() => undefined)
  })
}

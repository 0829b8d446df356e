/**
 * Asking threads for what is in directories, and for files.
 *
 * Whoever asks keeps the root open until the answer is there, so nothing of this is interrupted.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { ContentDrifted, FileFailure, InvalidInput, LimitExceeded } from "../errors.js"
import { isDaybookError } from "../errors.js"
import { fromPlainError } from "../model/cause.js"
import { threads } from "../thread/threads.js"
import type { Work } from "../thread/work.js"
import type { TakenFile } from "./file.js"
import { drifted, readFailure, sentences } from "./found.js"
import { type Listed, listWork } from "./list-work.js"
import { Listing } from "./listing.js"
import type { Problem } from "./open-now.js"
import { type ReadJob, type ReadResults, readWork } from "./read-work.js"
import type { OpenDirectory } from "./safe-path.js"
import { type RegisteredFile, sendWork } from "./send-work.js"

export type ScanFailure = InvalidInput | LimitExceeded | ContentDrifted | FileFailure

/** An error of ours as it is; of any other says which file it was. */
export const failureOf = (shown: string, cause: unknown): ScanFailure =>
  isDaybookError(cause) ? (cause as ScanFailure) : readFailure(shown, cause)

/** Fails with errors of ours as they are; of others says which file it was. */
export const attemptOn = <A>(shown: string, act: () => Promise<A>): Effect.Effect<A, ScanFailure> =>
  Effect.tryPromise({ try: act, catch: (cause) => failureOf(shown, cause) })

/** The error of what a thread said of an entry. */
export const failureAt = (shown: string, problem: Problem): ScanFailure => {
  if ("sentence" in problem) return drifted(shown, sentences[problem.sentence])
  return readFailure(shown, fromPlainError(problem))
}

/** Asks a thread. Whoever asks keeps open what it works on, so this is not interrupted. */
const asking = <J, A>(
  shown: string,
  work: Work<J, A>,
  job: J,
  how?: { readonly isUrgent: boolean },
): Effect.Effect<A, ScanFailure> =>
  Effect.uninterruptible(attemptOn(shown, () => threads.ask(work, job, how)))

/** A listing of each directory, or why there is none. */
export const listAll = (
  root: OpenDirectory,
  directories: ReadonlyArray<Listed>,
): Effect.Effect<ReadonlyArray<Listing | ScanFailure>, ScanFailure> => {
  // Others go on only with what is listed, and it takes little time.
  const asked = asking(root.shown, listWork, { root: root.place, directories }, { isUrgent: true })
  return Effect.map(asked, (listings) =>
    listings.map((listing, at) =>
      "problem" in listing
        ? failureAt(join(root.shown, directories[at]?.path ?? ""), listing.problem)
        : new Listing(listing),
    ),
  )
}

/** Files to read, and the directory that they lie below. */
export interface Reading extends Omit<ReadJob, "root"> {
  readonly root: OpenDirectory
}

/** What some work makes of files. `more`: what it takes beside them. */
export const askOn = <A, M extends object>(
  work: Work<ReadJob & M, A>,
  { root, below, files }: Reading,
  more: M,
): Effect.Effect<A, ScanFailure> =>
  asking(join(root.shown, below.path), work, { ...more, root: root.place, below, files })

/** All that was made of files. Fails for the first one that something was wrong with. */
export const sound = <A extends object>(
  { root, below, files }: Reading,
  results: ReadResults<A>,
): Effect.Effect<ReadonlyArray<A>, ScanFailure> => {
  const whole: Array<A> = []
  for (const [at, result] of results.entries()) {
    if ("problem" in result) {
      const shown = join(root.shown, below.path, files[at]?.name ?? "")
      return Effect.fail(failureAt(shown, result.problem))
    }
    whole.push(result)
  }
  return Effect.succeed(whole)
}

/** What files are. Fails for the first one that cannot be read, or is not what was listed. */
export const readAll = (reading: Reading): Effect.Effect<ReadonlyArray<TakenFile>, ScanFailure> =>
  Effect.flatMap(askOn(readWork, reading, {}), (results) => sound(reading, results))

/** The bytes of files, one behind the other. Fails for the first that is not what it was. */
export const readRegistered = (
  root: OpenDirectory,
  files: ReadonlyArray<RegisteredFile>,
): Effect.Effect<Uint8Array, ScanFailure> =>
  Effect.flatMap(asking(root.shown, sendWork, { root: root.place, files }), (contents) =>
    "bytes" in contents
      ? Effect.succeed(contents.bytes)
      : Effect.fail(failureAt(files[contents.at]?.path ?? "", contents.problem)),
  )

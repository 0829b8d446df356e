/**
 * Checking out a version: its tree on the disk, in a directory that the caller names, or in a
 * temporary one for who loads a path.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { checkDirectory, checkOut, type SendFile } from "../directory/checkout.js"
import type { Check } from "../directory/judge.js"
import { pathOf } from "../directory/roots.js"
import type { Failure, Refusal } from "../errors.js"
import type { ArtifactVersion, Path } from "../model/artifact.js"
import { blobsOf } from "./content.js"
import type { Engine } from "./engine.js"
import { openContent } from "./linked-content.js"
import { readStatesBelow } from "./manifests.js"

export interface CheckedOut {
  readonly path: Path
  /** Files, symlinks and empty directories. */
  readonly count: number
  /** Bytes of all files. */
  readonly size: number
}

const writeTo = Effect.fnUntraced(function* (
  engine: Engine,
  version: ArtifactVersion,
  directory: string,
  check: Check,
): Effect.fn.Return<CheckedOut, Refusal | Failure> {
  const { tree, read } = yield* openContent(engine, version, check)
  const states = yield* readStatesBelow(blobsOf(engine, version), version.content, tree)
  const send: SendFile<Refusal | Failure> = ({ digest }, write) =>
    Stream.runForEach(read(digest), write)
  yield* checkOut(directory, tree, states, send)
  return { path: directory as Path, count: tree.length, size: version.size }
})

/** Writes a version to a directory of the caller's. */
export const checkout = (
  engine: Engine,
  version: ArtifactVersion,
  directory: unknown,
  check: Check,
) => Effect.flatMap(checkDirectory(directory), (path) => writeTo(engine, version, path, check))

/** Where a path-typed version lies: copied content is written to a temporary directory. */
export const loadPath = Effect.fnUntraced(function* (
  engine: Engine,
  version: ArtifactVersion,
  check: Check,
): Effect.fn.Return<Path, Refusal | Failure> {
  const { link } = version.content
  if (link !== undefined) {
    yield* openContent(engine, version, check)
    return pathOf(engine.bounds.roots, link) as Path
  }
  const directory = join(yield* engine.temporary.make, "files")
  const { path } = yield* writeTo(engine, version, directory, check)
  return path
})

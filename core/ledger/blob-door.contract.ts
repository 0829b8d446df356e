/**
 * The blobs in a directory as plain promises: a door for programs of the tests, which know neither
 * Effect nor layers.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BlobStore, type Removal } from "../blob/blob-store.js"
import { defaultChunking } from "../blob/chunk.js"
import type { Finding } from "../blob/damage.js"
import * as Filesystem from "../blob/filesystem.js"
import type { Digest } from "../model/digest.js"

export interface OpenBlobs {
  /** What opening found damaged; torn ends are none. */
  readonly findings: ReadonlyArray<Finding>
  readonly put: (content: Uint8Array) => Promise<Digest>
  readonly read: (digest: Digest) => Promise<Uint8Array>
  readonly list: () => Promise<ReadonlyArray<Digest>>
  readonly remove: (digests: ReadonlyArray<Digest>) => Promise<Removal>
  readonly close: () => Promise<void>
}

/** Opens the blobs in a directory. What is removed goes from the disk as a whole. */
export const openBlobs = async (directory: string, packBytesMax: number): Promise<OpenBlobs> => {
  const scope = await Effect.runPromise(Scope.make())
  const findings: Array<Finding> = []
  const layer = Filesystem.layer({
    directory,
    chunking: defaultChunking,
    durable: true,
    packBytesMax,
    onFinding: (finding) => void (finding.state === "torn" || findings.push(finding)),
  })
  const building = Effect.provideService(Layer.build(layer), Scope.Scope, scope)
  const store = await Effect.runPromise(
    Effect.flatMap(building, (context) => Effect.provide(BlobStore, context)),
  )
  return {
    findings,
    put: (content) => Effect.runPromise(store.put(content)).then(({ digest }) => digest),
    read: async (digest) =>
      Buffer.concat(await Effect.runPromise(Stream.runCollect(store.read(digest)))),
    list: async () => {
      const stats = await Effect.runPromise(Stream.runCollect(store.list()))
      return stats.map(({ digest }) => digest)
    },
    remove: (digests) => Effect.runPromise(store.remove(digests, { thorough: true })),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}

/**
 * Who takes what a scan finds: files, and the manifests of directories.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Digest } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import type { Reading, ScanFailure } from "./asked.js"
import type { TakenFile } from "./file.js"
import type { Found } from "./found.js"
import type { OpenFile } from "./safe-path.js"

/** A file that is being taken in. It must not be read beyond its size. */
export interface ScannedFile extends OpenFile {
  readonly path: RelativePath
}

/** Who takes what a scan finds. */
export interface ScanSink<E> {
  /** Small files of one directory, in their order. */
  readonly files: (reading: Reading) => Effect.Effect<ReadonlyArray<TakenFile>, E | ScanFailure>
  /** A file of more than `fileReadBytes`, to be read part by part. */
  readonly file: (file: ScannedFile) => Effect.Effect<TakenFile, E>
  /** Bytes of a manifest, in parts: it need not be stored before the scan is done. */
  readonly manifest: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<Digest, E>
  /** Of a long directory, as they come. */
  readonly longManifest: <F>(parts: Stream.Stream<Uint8Array, F>) => Effect.Effect<Digest, E | F>
  /** What may not be met, and why. */
  readonly refuses: (found: Pick<Found, "device" | "inode">) => string | undefined
  /** Files were taken in. */
  readonly taken: (
    files: ReadonlyArray<Pick<ScannedFile, "path" | "found">>,
  ) => Effect.Effect<void, E>
}

/**
 * Who takes what a scan finds: files, and the manifests of directories.
 */
import type * as Effect from "effect/Effect"
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
  /** Bytes of a manifest, in parts. */
  readonly manifest: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<Digest, E>
  /** What may not be met, and why. */
  readonly refuses: (found: Pick<Found, "device" | "inode">) => string | undefined
  /** A file was taken in. */
  readonly taken: (path: RelativePath, size: number) => Effect.Effect<void, E>
}

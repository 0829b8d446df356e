/**
 * The shape of a materializer: a value to named files and back, and what can be read off it.
 *
 * Plain functions, synchronous or promised, so that anyone can write one. Knows neither names nor
 * versions nor where the files stay.
 */
import type { ArtifactType } from "../model/artifact.js"
import type { Metadata } from "../model/metadata.js"

/** The bytes of a file to write; text is stored as UTF-8. An iterable is streamed, once. */
export type FileSource = string | Uint8Array | AsyncIterable<Uint8Array>

/** Where a materializer writes. Paths follow the rules of entry names: relative, `/`, no `..`. */
export interface FileOutput {
  readonly write: (path: string, source: FileSource) => void
}

/** Where a materializer reads. What was not written is absent from `paths`. */
export interface FileInput {
  /** Sorted by UTF-8 bytes. */
  readonly paths: ReadonlyArray<string>
  /** The whole file, verified. This and the next two throw for a path that is absent. */
  readonly bytes: (path: string) => Promise<Uint8Array>
  /** The whole file as UTF-8 text, verified. */
  readonly text: (path: string) => Promise<string>
  /** The file in pieces; each is verified before it is handed over. */
  readonly stream: (path: string) => AsyncIterable<Uint8Array>
}

/**
 * `Value` is what it takes, `Loaded` what it gives back; they differ where a stream goes in and
 * bytes come out.
 */
export interface Materializer<Value = never, Loaded = unknown> {
  /** A name-like word. The event records `name@revision`. */
  readonly name: string
  /** From 1, raised when the files change; `readers` keeps the older ones readable. */
  readonly revision: number
  /** The type of versions saved with it, unless the caller names one. Default: `data`. */
  readonly type?: ArtifactType
  /** Whether it takes the value. The first materializer that accepts wins. */
  readonly accepts: (value: unknown) => boolean
  /**
   * Writes the value; throws `InvalidInput` with the path of a part that would not come back. Sees
   * only what `accepts` takes, unless it is built in and asked for by name: then any value.
   */
  readonly save: (value: Value, out: FileOutput) => void | Promise<void>
  readonly load: (files: FileInput) => Loaded | Promise<Loaded>
  /** Readers of older revisions, by revision. */
  readonly readers?: { readonly [revision: number]: (files: FileInput) => Loaded | Promise<Loaded> }
  /** Metadata read off the value, synchronously; what it throws is dropped, never the save. */
  readonly metadata?: (value: Value) => Metadata
  /** A short text for people: at most a few lines. */
  readonly preview?: (value: Value) => string
}

// For lists of materializers of different values: each may save whatever it has accepted.
export type AnyMaterializer = Materializer<never, unknown>

/**
 * What is used here of archiver 8 and cacache 20, which come without types, and of yazl 3.
 *
 * Declared by hand, since they are installed for measuring alone; a new use needs a new line.
 */
declare module "archiver" {
  import type { Transform } from "node:stream"

  export class ZipArchive extends Transform {
    constructor(options: { readonly zlib: { readonly level: number } })
    directory(path: string, name: string): this
    finalize(): Promise<void>
  }
}

declare module "yazl" {
  import type { Readable } from "node:stream"

  export class ZipFile {
    readonly outputStream: Readable
    addFile(path: string, name: string): void
    end(): void
  }
}

declare module "cacache" {
  /** The integrity of the bytes, which it has stored under the key. */
  export function put(cache: string, key: string, bytes: Uint8Array): Promise<string>
}

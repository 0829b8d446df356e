/**
 * What is used here of archiver 8, which comes without types.
 *
 * Not all that it can do: a new use of it needs a new line here.
 */
declare module "archiver" {
  import type { Transform } from "node:stream"

  export class ZipArchive extends Transform {
    constructor(options: { readonly zlib: { readonly level: number } })
    directory(path: string, name: string): this
    finalize(): Promise<void>
  }
}

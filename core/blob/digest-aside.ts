/**
 * SHA-256 on another thread, for bytes that are worth the way there. The same as
 * `model/digest.ts`, which is for everything else.
 */
import { type Digest, toDigest } from "../model/digest.js"

/** The digest of bytes that do not change meanwhile. */
export const digestAside = async (bytes: Uint8Array): Promise<Digest> =>
  toDigest(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)))

/**
 * Work to try threads with. States no law of its own.
 */
import { openSync } from "node:fs"
import { threadId } from "node:worker_threads"
import type { Done, Work } from "./work.js"

export type Job =
  | { readonly kind: "double"; readonly of: number }
  | { readonly kind: "thread" }
  | { readonly kind: "reverse"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "open"; readonly path: string }
  | { readonly kind: "throw"; readonly what: unknown }
  | { readonly kind: "exit" }

export const answer = (job: Job): Done<unknown> => {
  switch (job.kind) {
    case "double":
      return { value: 2 * job.of }
    case "thread":
      return { value: threadId }
    case "reverse": {
      const bytes = job.bytes.slice().reverse()
      return { value: bytes, transfer: [bytes.buffer] }
    }
    case "open":
      return { value: openSync(job.path, "r") }
    case "throw":
      throw job.what
    default:
      return { value: process.exit() }
  }
}

export const work: Work<Job, unknown> = { module: import.meta.url, answer }

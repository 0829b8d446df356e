/**
 * A put that is written down: what it is asked, and what it is given to keep.
 */
import * as Effect from "effect/Effect"
import type { Digest } from "../model/digest.js"
import type { BlobDraft } from "./draft.js"
import type { Frame } from "./frame.js"
import type { Recipe } from "./recipe.js"

/** A draft that writes down what it is asked. */
export const recording = (known: ReadonlyMap<Digest, Frame> = new Map()) => {
  const calls: Array<string> = []
  const kept: Array<Frame> = []
  let recipe: Recipe | undefined
  const keep = (frames: ReadonlyArray<Frame>) =>
    Effect.sync(() => {
      kept.push(...frames)
    })
  const draft: BlobDraft = {
    blob: () => {
      calls.push("blob")
      return undefined
    },
    chunk: (digest) => {
      calls.push("chunk")
      return known.get(digest)
    },
    append: (frames) => {
      calls.push("append")
      return keep(frames)
    },
    commit: (frames, given) => {
      calls.push("commit")
      recipe = given[0]
      return keep(frames)
    },
    close: () => void calls.push("close"),
  }
  return { draft, calls, kept, recipe: () => recipe }
}

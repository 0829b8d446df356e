/**
 * Puts tags on an artifact or a version; an exclusive one moves from its holder. Idempotent.
 */
import { isRefusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { targetIds } from "../event/subject.js"
import { saveTagCountMax } from "../limits.js"
import { checkCount, members, parsing, tagNames, target } from "../model/input.js"
import type { ParsedTarget } from "../model/reference.js"
import { resolveTarget, targetRef } from "../projection/resolve.js"
import { command, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"
import { planTaggings, taggingSubjects } from "./taggings.js"

export interface TagInput {
  readonly target: ParsedTarget
  readonly tags: ReadonlyArray<string>
  readonly expect?: Expectation
}

export const tag = command<TagInput>({
  name: "tag",
  parse: (input) =>
    parsing(() => {
      const { target: of, tags, expect } = members(input)
      const names = tagNames(tags, "tags")
      checkCount("saveTagCountMax", saveTagCountMax, names.length)
      return { target: target(of), tags: names, ...expected(expect) }
    }),
  decide: (input, views, stamp) => {
    const resolved = resolveTarget(views, input.target)
    if (isRefusal(resolved)) return resolved
    const { artifact, version } = resolved
    const about = {
      subject: (version ?? artifact).id,
      artifact,
      ofArtifact: version === undefined,
      tags: input.tags,
    }
    const failed = checkExpectation(views, input.expect, about)
    if (failed !== undefined) return failed
    const ref = targetRef(resolved)
    const taggings = planTaggings(views, ref, (version ?? artifact).tags, input.tags, stamp)
    if (isRefusal(taggings)) return taggings
    if (taggings.length === 0) return unchanged(null)
    const subjects = [...targetIds(ref), ...taggingSubjects(taggings)]
    return { facts: [fact("tags-added", { target: ref, tags: taggings }, subjects)], result: null }
  },
})

/**
 * Takes tags off an artifact or a version. Tags that are not there stay away. Idempotent.
 *
 * Off deleted ones too: they would come back with their tags, so they count as holders, and a tag
 * that one of them holds beside others could not become exclusive.
 */
import { isRefusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { targetIds } from "../event/subject.js"
import { members, parsing, tagNames, target } from "../model/input.js"
import type { Id } from "../model/names.js"
import type { ParsedTarget } from "../model/reference.js"
import { findTarget, targetRef } from "../projection/resolve.js"
import { tags as tagViews } from "../projection/tags.js"
import { command, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

export interface UntagInput {
  readonly target: ParsedTarget
  readonly tags: ReadonlyArray<string>
  readonly expect?: Expectation
}

export const untag = command<UntagInput>({
  name: "untag",
  parse: (input) =>
    parsing(() => {
      const { target: of, tags, expect } = members(input)
      return { target: target(of), tags: tagNames(tags, "tags"), ...expected(expect) }
    }),
  decide: (input, views) => {
    const resolved = findTarget(views, input.target)
    if (isRefusal(resolved)) return resolved
    const { artifact, version } = resolved
    const held = version ?? artifact
    const about = {
      subject: held.id,
      artifact,
      ofArtifact: version === undefined,
      tags: input.tags,
    }
    const failed = checkExpectation(views, input.expect, about)
    if (failed !== undefined) return failed
    const removed = input.tags.flatMap((name) => {
      const row = views.view(tagViews).get(["name", name])
      return row !== undefined && held.tags.includes(row.id) ? [{ id: row.id as Id, name }] : []
    })
    if (removed.length === 0) return unchanged(null)
    const ref = targetRef(resolved)
    const subjects = [...targetIds(ref), ...removed.map(({ id }) => id)]
    return { facts: [fact("tags-removed", { target: ref, tags: removed }, subjects)], result: null }
  },
})

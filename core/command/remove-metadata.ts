/**
 * Removes metadata keys of an artifact or a version. Their history stays readable. Idempotent.
 */
import { isRefusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { targetIds } from "../event/subject.js"
import { metadataKeyCountMax } from "../limits.js"
import { checkCount, members, metadataKey, parsing, target } from "../model/input.js"
import type { ParsedTarget } from "../model/reference.js"
import { resolveTarget, targetRef } from "../projection/resolve.js"
import { command, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

export interface RemoveMetadataInput {
  readonly target: ParsedTarget
  readonly keys: ReadonlyArray<string>
  readonly expect?: Expectation
}

export const removeMetadata = command<RemoveMetadataInput>({
  name: "remove-metadata",
  parse: (input) =>
    parsing(() => {
      const { target: of, keys, expect } = members(input)
      const list: ReadonlyArray<unknown> = Array.isArray(keys) ? keys : [keys]
      checkCount("metadataKeyCountMax", metadataKeyCountMax, list.length)
      const checked = list.map((key, index) => metadataKey(key, `keys[${index}]`))
      return { target: target(of), keys: [...new Set(checked)], ...expected(expect) }
    }),
  decide: (input, views) => {
    const resolved = resolveTarget(views, input.target)
    if (isRefusal(resolved)) return resolved
    const { artifact, version } = resolved
    const row = version ?? artifact
    const failed = checkExpectation(views, input.expect, { subject: row.id, artifact })
    if (failed !== undefined) return failed
    const keys = input.keys.filter((key) => Object.hasOwn(row.metadata, key))
    if (keys.length === 0) return unchanged(null)
    const ref = targetRef(resolved)
    const removed = fact("metadata-removed", { target: ref, keys }, targetIds(ref))
    return { facts: [removed], result: null }
  },
})

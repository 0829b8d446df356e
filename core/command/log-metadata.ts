/**
 * Sets metadata of an artifact or a version: the last write of a key wins, the log keeps all.
 * An equal value is logged again: that it was measured twice is worth knowing.
 */
import { isRefusal, LimitExceeded } from "../errors.js"
import { fact } from "../event/catalog.js"
import { targetIds } from "../event/subject.js"
import { metadataKeyCountMax, targetMetadataBytesMax } from "../limits.js"
import { members, metadata, parsing, target } from "../model/input.js"
import type { PlainMetadata } from "../model/metadata.js"
import { packedLength } from "../model/msgpack.js"
import type { ParsedTarget } from "../model/reference.js"
import { resolveTarget, targetRef } from "../projection/resolve.js"
import { command, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

export interface LogMetadataInput {
  readonly target: ParsedTarget
  readonly values: PlainMetadata
  readonly expect?: Expectation
}

const checkKeyCount = (before: PlainMetadata, values: PlainMetadata): LimitExceeded | undefined => {
  const added = Object.keys(values).filter((key) => !Object.hasOwn(before, key)).length
  const actual = Object.keys(before).length + added
  if (added === 0 || actual <= metadataKeyCountMax) return undefined
  return new LimitExceeded({
    message: `a target has at most ${metadataKeyCountMax} metadata keys, not ${actual}`,
    limit: "metadataKeyCountMax",
    allowed: metadataKeyCountMax,
    actual,
  })
}

/** A refusal where a target has no room for these values: too many keys, or too many bytes. */
export const checkRoom = (
  before: PlainMetadata,
  values: PlainMetadata,
): LimitExceeded | undefined => {
  const exceeded = checkKeyCount(before, values)
  if (exceeded !== undefined) return exceeded
  const actual = packedLength({ ...before, ...values })
  if (actual <= targetMetadataBytesMax) return undefined
  const most = `${targetMetadataBytesMax} bytes of metadata`
  return new LimitExceeded({
    message: `a target has at most ${most}, not ${actual}: remove keys, or log smaller values`,
    limit: "targetMetadataBytesMax",
    allowed: targetMetadataBytesMax,
    actual,
  })
}

export const logMetadata = command<LogMetadataInput>({
  name: "log-metadata",
  parse: (input) =>
    parsing(() => {
      const { target: of, values, expect } = members(input)
      return { target: target(of), values: metadata(values, "values"), ...expected(expect) }
    }),
  decide: (input, views) => {
    const resolved = resolveTarget(views, input.target)
    if (isRefusal(resolved)) return resolved
    const { artifact, version } = resolved
    const row = version ?? artifact
    const failed = checkExpectation(views, input.expect, { subject: row.id, artifact })
    if (failed !== undefined) return failed
    if (Object.keys(input.values).length === 0) return unchanged(null)
    const exceeded = checkRoom(row.metadata, input.values)
    if (exceeded !== undefined) return exceeded
    const ref = targetRef(resolved)
    const logged = fact("metadata-logged", { target: ref, values: input.values }, targetIds(ref))
    return { facts: [logged], result: null }
  },
})

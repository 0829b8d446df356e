/**
 * Targets that say outright what they mean. A bare name would mean the latest version, which is
 * rarely what was meant by whoever deletes or holds something: it is refused with what to say.
 */
import { InvalidReference } from "../errors.js"
import { members, target } from "../model/input.js"
import type { ParsedTarget } from "../model/reference.js"

/** What to say in place of a bare name. */
export type Advice = (name: string) => string

const bare = (name: string, advice: Advice): InvalidReference =>
  new InvalidReference({
    message: `${name} is a bare name: say ${advice(name)}`,
    reference: name,
  })

/** Parses a target. A text that is a bare name, or a part of an id, is told apart by `bareText`. */
export const outright = (of: unknown, advice: Advice): ParsedTarget => {
  const meant = target(of)
  // `{ name }` means the latest version as a bare name does.
  const isBare = meant.kind === "version" && meant.reference.by === "latest"
  if (isBare && typeof of === "object" && members(of).version === undefined)
    throw bare(meant.reference.name, advice)
  return meant
}

/** Refuses a bare name in a decision: a part of an id, which looks like one, is an id by then. */
export const bareText = (of: ParsedTarget, advice: Advice): InvalidReference | undefined =>
  of.kind === "version" && of.reference.by === "text" ? bare(of.reference.text, advice) : undefined

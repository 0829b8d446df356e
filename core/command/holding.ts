/**
 * Deciding what `hold` and `release` have in common: they are about one surviving version, said
 * outright, and change nothing where it is already as it was asked to be.
 */
import { InvalidReference, isRefusal, type Refusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { members, parsing } from "../model/input.js"
import { type ParsedTarget, printReference } from "../model/reference.js"
import { artifactRef, resolveTarget, versionRef } from "../projection/resolve.js"
import type { ViewReader } from "../view/draft.js"
import { type Advice, bareText, outright } from "./bare-name.js"
import { type Decided, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

export interface HoldInput {
  readonly target: ParsedTarget
  readonly expect?: Expectation
}

const advice: Advice = (name) => `"${name}@latest", or which version`

const notOne = (of: unknown): InvalidReference =>
  new InvalidReference({
    message: "a hold is about one version: name it, by its label or its id",
    reference: printReference(of),
  })

export const parseHold = (input: unknown): HoldInput | Refusal =>
  parsing(() => {
    const { target: of, expect } = members(input)
    const meant = outright(of, advice)
    if (meant.kind !== "version") throw notOne(of)
    return { target: meant, ...expected(expect) }
  })

export const decideHold = (
  { target, expect }: HoldInput,
  views: ViewReader,
  type: "hold-placed" | "hold-released",
): Decided | Refusal => {
  const bare = bareText(target, advice)
  if (bare !== undefined) return bare
  const found = resolveTarget(views, target)
  if (isRefusal(found)) return found
  const { artifact, version } = found
  if (version === undefined) return notOne({ artifact: artifact.name })
  const failed = checkExpectation(views, expect, { subject: version.id, artifact })
  if (failed !== undefined) return failed
  if ((version.held !== undefined) === (type === "hold-placed")) return unchanged(null)
  const at = { artifact: artifactRef(artifact), version: versionRef(version) }
  return { facts: [fact(type, { target: at }, [version.id, artifact.id])], result: null }
}

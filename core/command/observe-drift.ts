/**
 * Records how a version that was left in place was found. What was found is looked at beforehand,
 * and named as far as a record has room for it.
 */
import { InvalidReference, isRefusal } from "../errors.js"
import { type CoreEvents, fact } from "../event/catalog.js"
import type { ParsedTarget } from "../model/reference.js"
import { artifactRef, resolveTarget, versionRef } from "../projection/resolve.js"
import { command } from "./command.js"

export interface ObserveDriftInput extends Omit<CoreEvents["drift-observed"], "target"> {
  readonly target: ParsedTarget
}

export const observeDrift = command<ObserveDriftInput>({
  name: "observe-drift",
  // Only who has looked asks for it.
  parse: (input) => input as ObserveDriftInput,
  decide: ({ target, ...found }, views) => {
    const resolved = resolveTarget(views, target)
    if (isRefusal(resolved)) return resolved
    const { artifact, version } = resolved
    if (version?.content.link === undefined)
      return new InvalidReference({
        message: "drift is of a version that was left in place: name one that was registered so",
        reference: version?.id ?? artifact.name,
      })
    const at = { artifact: artifactRef(artifact), version: versionRef(version) }
    const data = { target: at, ...found }
    return { facts: [fact("drift-observed", data, [version.id, artifact.id])], result: null }
  },
})

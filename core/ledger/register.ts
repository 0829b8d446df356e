/**
 * Registering: a folder or a file that is there already becomes a version, copied or left in place.
 */
import * as Effect from "effect/Effect"
import type { ArtifactVersion, Path } from "../model/artifact.js"
import { checkOptions, directoryPath, refuse } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import type { RegisterOptions } from "./call-options.js"
import { presentMoment } from "./engine.js"
import { takePathIn } from "./path-intake.js"
import { parseSave, requestKeys } from "./save-options.js"
import { saveTaken } from "./saving.js"
import type { Session } from "./submit.js"

const known = [
  "name",
  "mode",
  ...requestKeys.filter((key) => key !== "materializer"),
  "idempotencyKey",
  "reason",
  "signal",
] as const

const parseRegister = (path: unknown, options: RegisterOptions) => {
  checkOptions(options, known)
  directoryPath(path, "path", "to register")
  const { name, mode = "link", ...save } = options
  if (mode !== "link" && mode !== "copy") refuse("options.mode", 'is neither "link" nor "copy"')
  return { mode, plan: parseSave(name, { saveType: "preexisting", ...save }) }
}

export const register = (session: Session) =>
  Effect.fn("Ledger.register")(function* (path: string, options: RegisterOptions) {
    yield* presentMoment(session.engine)
    const { mode, plan } = yield* parsedInput(() => parseRegister(path, options))
    const taken = yield* takePathIn(session.engine.bounds, path, mode)
    return (yield* saveTaken(session, plan, taken, options)) as ArtifactVersion<Path>
  })

/**
 * The list of the ledger's commands.
 */
import type { AnyCommand } from "./command.js"
import { defineTag } from "./define-tag.js"
import { deletion } from "./delete.js"
import { hold } from "./hold.js"
import { logMetadata } from "./log-metadata.js"
import { observeDrift } from "./observe-drift.js"
import { release } from "./release.js"
import { removeMetadata } from "./remove-metadata.js"
import { restore } from "./restore.js"
import { saveVersion } from "./save-version.js"
import { settleRequest } from "./settle-request.js"
import { sweepContent } from "./sweep-content.js"
import { tag } from "./tag.js"
import { untag } from "./untag.js"

export const commands: ReadonlyArray<AnyCommand> = [
  saveVersion,
  tag,
  untag,
  defineTag,
  logMetadata,
  removeMetadata,
  deletion,
  restore,
  hold,
  release,
  observeDrift,
  sweepContent,
  settleRequest,
]

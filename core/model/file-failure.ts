/**
 * The error of a file of a caller's that could not be read or written.
 *
 * Apart from the codes of foreign errors, which threads look at: they load no schema for it.
 */
import { FileFailure } from "../errors.js"
import { storageReason } from "./cause.js"

/** What came of reading or writing a file of a caller's; nothing of it is stored. */
export const fileFailure = (operation: string, message: string, cause: unknown): FileFailure =>
  new FileFailure({ message, operation, reason: storageReason(cause), outcome: "none", cause })

/**
 * Where in a value something is wrong, as a path, and the error that says so.
 *
 * Knows nothing of tables.
 */
import { InvalidInput } from "daybook"

const identifier = /^[A-Za-z_$][\w$]*$/
// What is shown of a name: errors are for people.
const shownNameLengthMax = 64

/** The step to a member, in brackets where a dot would be ambiguous: `.mass`, `["a b"]`. */
export const stepTo = (name: string): string => {
  const cut = name.length > shownNameLengthMax ? `${name.slice(0, shownNameLengthMax)}…` : name
  return identifier.test(cut) ? `.${cut}` : `[${JSON.stringify(cut.toWellFormed())}]`
}

/** Throws `InvalidInput`; the problem follows the path in a sentence, and says what to do. */
export const refuse = (path: string, problem: string): never => {
  throw new InvalidInput({ path, message: `${path} ${problem}` })
}

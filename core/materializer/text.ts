/**
 * Strings as `data.txt`, UTF-8. A string with half of a surrogate pair has no UTF-8 and is refused.
 */
import { previewLineCountMax, previewLineLengthMax } from "../limits.js"
import { readText } from "./files.js"
import { chooseAnother, flaw, refusal } from "./flaw.js"
import type { FileOutput, Materializer } from "./materializer.js"
import { scalarProblem } from "./plain.js"

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.isWellFormed()

const save = (value: unknown, out: FileOutput): void => {
  if (typeof value !== "string") throw refusal(flaw("is not a string"), chooseAnother)
  const problem = scalarProblem(value)
  if (problem !== undefined) throw refusal(flaw(problem), "use .toWellFormed()")
  out.write("data.txt", value)
}

/** The first lines of a longer text, each cut where it is long. For people, not for programs. */
export const firstLines = (text: string): string =>
  text
    .split("\n", previewLineCountMax)
    .map((line) => (line.length > previewLineLengthMax ? cut(line) : line))
    .join("\n")

// The cut may have split a surrogate pair.
const cut = (line: string): string => `${line.slice(0, previewLineLengthMax - 1).toWellFormed()}…`

/** Strings, code unit by code unit, byte order marks included. */
export const textMaterializer: Materializer<string, string> = {
  name: "text",
  revision: 1,
  accepts: isText,
  save,
  load: (files) => readText(files, "data.txt"),
  preview: firstLines,
}

/**
 * Strings as `data.txt`, UTF-8. A string with half of a surrogate pair has no UTF-8 and is refused.
 */
import { InvalidInput } from "../errors.js"
import { readText } from "./files.js"
import type { FileOutput, Materializer } from "./materializer.js"

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.isWellFormed()

const save = (value: unknown, out: FileOutput): void => {
  if (!isText(value)) {
    const problem =
      typeof value === "string"
        ? "contains half of a surrogate pair, which no UTF-8 can hold: use .toWellFormed()"
        : "is not a string: leave the choice of a materializer out, or choose another one"
    throw new InvalidInput({ path: "value", message: `value ${problem}` })
  }
  out.write("data.txt", value)
}

const previewLineMax = 5
const previewLineLengthMax = 120

/** The first lines of a longer text, each cut where it is long. For people, not for programs. */
export const firstLines = (text: string): string =>
  text
    .split("\n", previewLineMax)
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

/**
 * The built-in materializers in order of precedence: the first that accepts a value takes it.
 *
 * A new one is a file and a line here. Callers' own come before all of these, or where they say.
 */
import { bytesMaterializer } from "./bytes.js"
import { jsonMaterializer } from "./json.js"
import type { AnyMaterializer } from "./materializer.js"
import { ndarrayMaterializer } from "./ndarray.js"
import { structuredMaterializer } from "./structured.js"
import { tableMaterializer } from "./table.js"
import { textMaterializer } from "./text.js"

/** Cheap tests come first, and a narrow kind of value before the wider one that contains it. */
export const materializers: ReadonlyArray<AnyMaterializer> = [
  textMaterializer,
  bytesMaterializer,
  ndarrayMaterializer,
  tableMaterializer,
  jsonMaterializer,
  structuredMaterializer,
]

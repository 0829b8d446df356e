/**
 * Values of JSON as `data.json`: null, booleans, strings, lists, plain records, and every finite
 * number except -0. What JSON.stringify would drop or change (undefined, NaN, holes, dates) is not
 * taken.
 */
import type { Metadata } from "../model/metadata.js"
import { type Json, jsonText, parseJson, readText } from "./files.js"
import { chooseAnother, refusal } from "./flaw.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { listStatistics } from "./statistics.js"
import { findFlaw } from "./walk.js"

const save = (value: unknown, out: FileOutput): void => {
  const found = findFlaw(value, "json")
  if (found !== undefined) throw refusal(found, chooseAnother)
  out.write("data.json", jsonText(value))
}

const load = async (files: FileInput): Promise<Json> =>
  parseJson(await readText(files, "data.json"), "data.json")

/** `length` of lists and records, statistics of a flat list of numbers. */
export const plainMetadata = (value: unknown): Metadata => {
  if (Array.isArray(value)) return { length: value.length, ...listStatistics(value) }
  if (typeof value !== "object" || value === null) return {}
  const prototype: unknown = Object.getPrototypeOf(value)
  const isRecord = prototype === Object.prototype || prototype === null
  return isRecord ? { length: Object.keys(value).length } : {}
}

/** Typed for any value, since only the parts of a value decide whether it is JSON. */
export const jsonMaterializer: Materializer<unknown, Json> = {
  name: "json",
  revision: 1,
  accepts: (value) => findFlaw(value, "json") === undefined,
  save,
  load,
  metadata: plainMetadata,
}

/**
 * The options of a save, parsed once.
 */
import * as Schema from "effect/Schema"
import { expected } from "../command/expect.js"
import type { SaveInput } from "../command/save-version.js"
import { descriptionBytesMax, nameBytesMax, saveInputCountMax, saveTagCountMax } from "../limits.js"
import type { Producer } from "../model/artifact.js"
import {
  artifactName,
  checkCount,
  checkOptions,
  metadata,
  readable,
  reference,
  refuse,
  shaped,
  tagNames,
  text,
} from "../model/input.js"
import { versionLabelProblem } from "../model/names.js"
import { ArtifactTypeSchema, SaveTypeSchema } from "../model/schema.js"
import type { SaveOptions } from "./call-options.js"

/** What a save asks for, but its content. */
export interface SavePlan {
  readonly input: Omit<SaveInput, "id" | "saved" | "materializer" | "automatic">
  readonly type?: (typeof ArtifactTypeSchema)["Type"]
  readonly saveType: (typeof SaveTypeSchema)["Type"]
  readonly description?: string
  readonly producer?: Producer
  readonly onProgress?: SaveOptions["onProgress"]
}

/** What a save of a batch may say; key, reason and signal are those of the whole batch. */
export const batchSaveKeys = [
  "version",
  "tags",
  "metadata",
  "type",
  "saveType",
  "materializer",
  "inputs",
  "producer",
  "description",
  "expect",
  "onProgress",
] as const

/** What a save of `saveAll` may say. */
export const requestKeys = [...batchSaveKeys, "reuse"] as const

/** What a save by itself may say. */
export const saveKeys = [...requestKeys, "idempotencyKey", "reason", "signal"] as const

const typeSchema = Schema.toStandardSchemaV1(ArtifactTypeSchema)
const saveTypeSchema = Schema.toStandardSchemaV1(SaveTypeSchema)

const label = (value: string | number): string => {
  if (typeof value !== "string" && typeof value !== "number")
    return refuse("options.version", "is neither a string nor a number")
  const problem = versionLabelProblem(String(value))
  if (problem !== undefined) return refuse("options.version", problem)
  const whole = typeof value === "string" || (Number.isSafeInteger(value) && value > 0)
  return whole ? String(value) : refuse("options.version", "is not a positive whole number")
}

const inputs = (value: NonNullable<SaveOptions["inputs"]>): SaveInput["inputs"] => {
  if (!Array.isArray(value)) return refuse("options.inputs", "is not a list")
  checkCount("saveInputCountMax", saveInputCountMax, value.length)
  return Array.from(value, (input: unknown, index) => {
    const at = `options.inputs[${index}]`
    const role = readable(at, () =>
      typeof input === "object" && input !== null && "as" in input && "version" in input
        ? { version: input.version, as: input.as }
        : undefined,
    )
    if (role === undefined) return { reference: reference(input) }
    return { reference: reference(role.version), as: text(role.as, `${at}.as`, nameBytesMax) }
  })
}

const producer = (value: NonNullable<SaveOptions["producer"]>): Producer => {
  if (typeof value === "string") return { name: text(value, "options.producer", nameBytesMax) }
  if (typeof value !== "object" || value === null)
    return refuse("options.producer", "is neither text nor an object")
  const { name, run, step, ...rest } = readable("options.producer", () => ({ ...value }))
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined)
    return refuse(`options.producer.${unknown.slice(0, 64)}`, "is not known: name, run, step")
  return {
    name: text(name, "options.producer.name", nameBytesMax),
    ...(run === undefined ? {} : { run: text(run, "options.producer.run", nameBytesMax) }),
    ...(step === undefined ? {} : { step: text(step, "options.producer.step", nameBytesMax) }),
  }
}

const reuse = (value: unknown): { readonly reuse?: true } => {
  if (value === undefined) return {}
  return value === "content" ? { reuse: true } : refuse("options.reuse", 'can only be "content"')
}

const tagsOf = (value: SaveOptions["tags"]): ReadonlyArray<string> => {
  const names = value === undefined ? [] : tagNames(value, "options.tags")
  checkCount("saveTagCountMax", saveTagCountMax, names.length)
  return names
}

/** Throws the refusal of the first option that is not as it should be. */
export const parseSave = (name: unknown, options: SaveOptions): SavePlan => {
  checkOptions(options, saveKeys)
  const { type, saveType, description, onProgress } = options
  if (onProgress !== undefined && typeof onProgress !== "function")
    return refuse("options.onProgress", "is not a function")
  return {
    input: {
      name: artifactName(name, "name"),
      ...(options.version === undefined ? {} : { label: label(options.version) }),
      tags: tagsOf(options.tags),
      metadata: options.metadata === undefined ? {} : metadata(options.metadata, "metadata"),
      inputs: options.inputs === undefined ? [] : inputs(options.inputs),
      ...reuse(options.reuse),
      ...expected(options.expect),
    },
    ...(type === undefined ? {} : { type: shaped(typeSchema, type, "options.type") }),
    saveType:
      saveType === undefined ? "manual" : shaped(saveTypeSchema, saveType, "options.saveType"),
    ...(description === undefined
      ? {}
      : { description: text(description, "options.description", descriptionBytesMax) }),
    ...(options.producer === undefined ? {} : { producer: producer(options.producer) }),
    ...(onProgress === undefined ? {} : { onProgress }),
  }
}

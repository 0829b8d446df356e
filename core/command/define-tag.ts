/**
 * Defines a tag, or changes one: exclusive or plain, its colour, its description. What the
 * call leaves out stays as it is. Idempotent.
 */
import * as Schema from "effect/Schema"
import { fact } from "../event/catalog.js"
import { descriptionBytesMax } from "../limits.js"
import { parsing, shaped, tagName, text } from "../model/input.js"
import type { Id } from "../model/names.js"
import { strict } from "../model/schema.js"
import { type TagColor, tagColors } from "../model/tag.js"
import { taken } from "../projection/resolve.js"
import { type TagRow, tags } from "../projection/tags.js"
import { command, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

export interface DefineTagInput {
  readonly name: string
  readonly exclusive?: boolean
  readonly color?: TagColor
  readonly description?: string
  readonly expect?: Expectation
}

const options = strict(
  Schema.Struct({
    name: Schema.Unknown,
    exclusive: Schema.optional(Schema.Boolean),
    color: Schema.optional(Schema.Literals(tagColors)),
    description: Schema.optional(Schema.Unknown),
    expect: Schema.optional(Schema.Unknown),
  }),
)

const same = (tag: TagRow, { exclusive, color, description }: DefineTagInput): boolean =>
  (exclusive ?? tag.exclusive) === tag.exclusive &&
  (color ?? tag.color) === tag.color &&
  (description ?? tag.description) === tag.description

const conflict = (tag: TagRow) => {
  const several =
    `${tag.name} cannot become exclusive: several hold it that would compete for it, ` +
    "deleted ones included: untag all but one"
  const label = `${tag.name} cannot become exclusive: it is also the label of a version`
  if (tag.crowded > 0) return taken(tag.name, several, [])
  return tag.clashes > 0 ? taken(tag.name, label, []) : undefined
}

export const defineTag = command<DefineTagInput>({
  name: "define-tag",
  parse: (input) =>
    parsing(() => {
      const { name, exclusive, color, description, expect } = shaped(options, input, "options")
      return {
        name: tagName(name, "name"),
        ...(exclusive === undefined ? {} : { exclusive }),
        ...(color === undefined ? {} : { color }),
        ...(description === undefined
          ? {}
          : { description: text(description, "options.description", descriptionBytesMax) }),
        ...expected(expect),
      }
    }),
  decide: (input, views, stamp) => {
    const tag = views.view(tags).get(["name", input.name])
    const failed = checkExpectation(views, input.expect, { subject: tag?.id })
    if (failed !== undefined) return failed
    if (tag !== undefined && same(tag, input)) return unchanged(null)
    const exclusive = input.exclusive ?? tag?.exclusive ?? false
    const refusal = tag !== undefined && exclusive && !tag.exclusive ? conflict(tag) : undefined
    if (refusal !== undefined) return refusal
    const id = tag === undefined ? stamp.id() : (tag.id as Id)
    const color = input.color ?? tag?.color
    const description = input.description ?? tag?.description
    const defined = fact(
      "tag-defined",
      {
        tag: { id, name: input.name },
        ...(tag === undefined ? { created: true as const } : {}),
        exclusive,
        ...(color === undefined ? {} : { color }),
        ...(description === undefined ? {} : { description }),
      },
      [id],
    )
    return { facts: [defined], result: null }
  },
})

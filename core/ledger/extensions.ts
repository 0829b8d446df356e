/**
 * What a program brings along: event types, commands, projections and materializers of its own,
 * beside those of the ledger. All of them go by names, so each name must be its own.
 *
 * Knows their shapes, not what they do.
 */
import { commands } from "../command/all.js"
import type { AnyCommand } from "../command/command.js"
import { catalog } from "../event/catalog.js"
import type { AnyEventType } from "../event/event.js"
import { materializers } from "../materializer/all.js"
import type { AnyMaterializer } from "../materializer/materializer.js"
import { readable, refuse } from "../model/input.js"
import { projections } from "../projection/all.js"
import type { AnyProjection } from "../projection/projection.js"

export interface Extensions {
  readonly events?: ReadonlyArray<AnyEventType>
  /** What `execute` may be given. */
  readonly commands?: ReadonlyArray<AnyCommand>
  readonly projections?: ReadonlyArray<AnyProjection>
  /**
   * Asked before the built-in ones; one with the name of a built-in one takes its place. A function
   * gets the built-in ones and gives the whole list, in its order.
   */
  readonly materializers?:
    | ReadonlyArray<AnyMaterializer>
    | ((builtIn: ReadonlyArray<AnyMaterializer>) => ReadonlyArray<AnyMaterializer>)
}

/** What each must have, the one that names it first. */
const shapes = {
  events: ["type", "revision", "schema", "sentence"],
  commands: ["name", "parse", "decide"],
  projections: ["name", "revision", "on"],
  materializers: ["name", "revision", "accepts", "save", "load"],
} as const

type Kind = keyof typeof shapes

const checkShapes = (kind: Kind, list: unknown): void => {
  const at = `options.${kind}`
  if (list === undefined || (kind === "materializers" && typeof list === "function")) return
  const given: ReadonlyArray<unknown> = Array.isArray(list) ? list : refuse(at, "is not a list")
  for (const [index, one] of given.entries())
    for (const member of shapes[kind])
      if (typeof one !== "object" || one === null || !(member in one))
        refuse(`${at}[${index}]`, `has no ${member}`)
}

const checkNames = (kind: Kind, names: ReadonlyArray<string>): void => {
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      refuse(`options.${kind}`, `would give the ledger two named ${name}: rename yours`)
}

/** Throws `InvalidInput` for what is not of its shape, or has a name that is taken. */
export const checkExtensions = (extensions: Extensions): void =>
  readable("options", () => {
    for (const kind of Object.keys(shapes) as ReadonlyArray<Kind>)
      checkShapes(kind, extensions[kind])
    const { events = [], commands: own = [], projections: views = [] } = extensions
    checkNames(
      "events",
      [...catalog, ...events].map(({ type }) => type),
    )
    checkNames(
      "commands",
      [...commands, ...own].map(({ name }) => name),
    )
    checkNames(
      "projections",
      [...projections, ...views].map(({ name }) => name),
    )
  })

/** Those of a program and the built-in ones, in the order in which they are asked. */
export const allMaterializers = (
  own: NonNullable<Extensions["materializers"]>,
): ReadonlyArray<AnyMaterializer> => {
  if (typeof own === "function") return own(materializers)
  const names = new Set(own.map(({ name }) => name))
  return [...own, ...materializers.filter(({ name }) => !names.has(name))]
}

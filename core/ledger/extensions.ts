/**
 * What a program brings along: event types, commands, projections and materializers of its own,
 * beside those of the ledger. All of them go by names, so each name must be its own.
 *
 * Knows their shapes, not what they do.
 */
import type { AnyCommand } from "../command/command.js"
import type { AnyEventType } from "../event/event.js"
import { nameBytesMax } from "../limits.js"
import { materializers as builtIn } from "../materializer/all.js"
import type { AnyMaterializer } from "../materializer/materializer.js"
import { members, readable, refuse, text } from "../model/input.js"
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

const checkRevision = (at: string, revision: unknown): void => {
  if (!Number.isSafeInteger(revision) || Number(revision) < 1)
    refuse(`${at}.revision`, "is not a whole number from 1 on")
}

const checkShapes = (kind: Kind, list: unknown): void => {
  const at = `options.${kind}`
  const given: ReadonlyArray<unknown> = Array.isArray(list) ? list : refuse(at, "is not a list")
  for (const [index, one] of given.entries()) {
    const own = `${at}[${index}]`
    if (typeof one !== "object" || one === null) refuse(own, `has no ${shapes[kind][0]}`)
    const has = members(one)
    for (const member of shapes[kind]) if (!(member in has)) refuse(own, `has no ${member}`)
    text(has[shapes[kind][0]], `${own}.${shapes[kind][0]}`, nameBytesMax)
    if ("revision" in has) checkRevision(own, has.revision)
  }
}

/** Reading an old revision begins with its upcast: better missed now than when one is met. */
const checkUpcasts = (events: ReadonlyArray<AnyEventType>): void => {
  for (const [index, { type, revision, upcasts }] of events.entries())
    for (let from = 1; from < revision; from += 1)
      if (typeof upcasts?.[from] !== "function")
        refuse(`options.events[${index}].upcasts`, `of ${type} has none from revision ${from}`)
}

const checkNames = (kind: Kind, names: ReadonlyArray<string>): void => {
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      refuse(`options.${kind}`, `would give the ledger two named ${name}: rename yours`)
}

/** The ledger's own names have no slash, so that no later release can come to use a caller's. */
const checkOwnNames = (kind: Kind, names: ReadonlyArray<string>): void => {
  for (const name of names)
    if (!name.includes("/"))
      refuse(
        `options.${kind}`,
        `has ${name}, without a slash: name it after its owner, as mine/${name}`,
      )
  checkNames(kind, names)
}

/** Throws `InvalidInput` for what is not of its shape, or has a name that is taken. */
export const checkExtensions = (extensions: Extensions): void =>
  readable("options", () => {
    const { events = [], commands = [], projections = [], materializers = [] } = extensions
    checkShapes("events", events)
    checkShapes("commands", commands)
    checkShapes("projections", projections)
    checkUpcasts(events)
    checkOwnNames(
      "events",
      events.map(({ type }) => type),
    )
    checkOwnNames(
      "commands",
      commands.map(({ name }) => name),
    )
    checkOwnNames(
      "projections",
      projections.map(({ name }) => name),
    )
    if (typeof materializers !== "function") checkShapes("materializers", materializers)
    const all = allMaterializers(materializers)
    checkShapes("materializers", all)
    checkNames(
      "materializers",
      all.map(({ name }) => name),
    )
  })

/** Those of a program and the built-in ones, in the order in which they are asked. */
export const allMaterializers = (
  own: NonNullable<Extensions["materializers"]>,
): ReadonlyArray<AnyMaterializer> => {
  if (typeof own === "function") return own(builtIn)
  const names = new Set(own.map(({ name }) => name))
  return [...own, ...builtIn.filter(({ name }) => !names.has(name))]
}

import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { eventType } from "../event/event.js"
import { jsonMaterializer } from "../materializer/json.js"
import { textMaterializer } from "../materializer/text.js"
import { PlainSchema } from "../model/schema.js"
import { projection } from "../projection/projection.js"
import { allMaterializers, checkExtensions, type Extensions } from "./extensions.js"

const refusal = (extensions: unknown): string => {
  try {
    checkExtensions(extensions as Extensions)
    return "none"
  } catch (thrown) {
    if (thrown instanceof InvalidInput) return thrown.message
    throw thrown
  }
}

const event = eventType({
  type: "birds-counted",
  revision: 1,
  schema: PlainSchema,
  sentence: () => "counted birds",
})
const birds = projection()({ name: "birds", revision: 1, on: {} })

describe("what a program brings along", () => {
  it("is taken when every name is its own", () => {
    expect(refusal({})).toBe("none")
    expect(refusal({ events: [event], projections: [birds], materializers: [] })).toBe("none")
  })

  it.each([
    ["events", [event, event], "named birds-counted"],
    ["events", [{ ...event, type: "version-saved" }], "named version-saved"],
    ["commands", [{ name: "tag", parse: String, decide: String }], "named tag"],
    ["projections", [birds, birds], "named birds"],
    ["projections", [{ ...birds, name: "versions" }], "named versions"],
    ["projections", [{ name: "x" }], "options.projections[0] has no revision"],
    ["commands", [null], "options.commands[0] has no name"],
    ["materializers", [5], "options.materializers[0] has no name"],
    ["events", "birds", "options.events is not a list"],
  ])("is refused where two would be one, or one is of no known shape: %s", (kind, list, said) => {
    expect(refusal({ [kind]: list })).toContain(said)
  })
})

describe("materializers of a program", () => {
  const names = (own: NonNullable<Extensions["materializers"]>) =>
    allMaterializers(own).map(({ name }) => name)
  const builtIn = names([])

  it("are asked before the built-in ones", () => {
    expect(names([{ ...textMaterializer, name: "mine" }])).toEqual(["mine", ...builtIn])
  })

  it("take the place of a built-in one of their name", () => {
    expect(names([jsonMaterializer])).toEqual(["json", ...builtIn.filter((n) => n !== "json")])
  })

  it("are in the order that a function gives", () => {
    expect(names((all) => [...all].reverse())).toEqual([...builtIn].reverse())
  })
})

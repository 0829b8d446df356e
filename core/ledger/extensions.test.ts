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
  type: "birds/counted",
  revision: 1,
  schema: PlainSchema,
  sentence: () => "counted birds",
})
const birds = projection()({ name: "birds/seen", revision: 1, on: {} })

describe("what a program brings along", () => {
  it("is taken when every name is its own", () => {
    expect(refusal({})).toBe("none")
    expect(refusal({ events: [event], projections: [birds], materializers: [] })).toBe("none")
  })

  it.each([
    ["events", [event, event], "named birds/counted"],
    ["events", [{ ...event, type: "version-saved" }], "version-saved, without a slash"],
    ["commands", [{ name: "tag", parse: String, decide: String }], "tag, without a slash"],
    ["projections", [birds, birds], "named birds/seen"],
    ["projections", [{ ...birds, name: "versions" }], "versions, without a slash"],
    ["projections", [{ name: "x" }], "options.projections[0] has no revision"],
    ["commands", [null], "options.commands[0] has no name"],
    ["materializers", [5], "options.materializers[0] has no name"],
    ["materializers", [{ ...textMaterializer, revision: "1" }], "[0].revision is not a whole"],
    ["materializers", [{ ...textMaterializer, revision: 0 }], "[0].revision is not a whole"],
    ["materializers", [{ ...textMaterializer, name: "\ud800" }], "options.materializers[0].name"],
    ["materializers", [textMaterializer, textMaterializer], "two named text"],
    ["materializers", () => 5, "options.materializers is not a list"],
    ["materializers", () => [{}], "options.materializers[0] has no name"],
    ["events", [{ ...event, type: "a".repeat(256) }], "options.events[0].type"],
    ["events", [{ ...event, revision: 2 }], "of birds/counted has none from revision 1"],
    ["projections", [{ ...birds, revision: Number.NaN }], "[0].revision is not a whole"],
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

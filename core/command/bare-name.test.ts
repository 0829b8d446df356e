/**
 * Bare names: which targets are refused as such, when, and with which advice.
 */
import { describe, expect, it } from "vitest"
import { testId } from "../event/recorder.contract.js"
import { parsing } from "../model/input.js"
import { bareText, outright } from "./bare-name.js"

const advice = (name: string) => `"${name}@latest"`
const parse = (of: unknown) => parsing(() => outright(of, advice))

const refused = {
  _tag: "InvalidReference",
  message: 'churn is a bare name: say "churn@latest"',
  reference: "churn",
}

describe("a target", () => {
  it("that is a record of a name alone is refused where it is parsed", () => {
    expect(parse({ name: "churn" })).toMatchObject(refused)
    expect(parse({ name: "churn", version: undefined })).toMatchObject(refused)
  })

  it.each([
    ["churn@latest", { kind: "version", reference: { by: "latest", name: "churn" } }],
    [{ name: "churn", version: "latest" }, { reference: { by: "latest", name: "churn" } }],
    [{ name: "churn", version: 2 }, { reference: { by: "selector", selector: "2" } }],
    [testId(7), { reference: { by: "id" } }],
    [{ id: testId(7), name: "churn" }, { reference: { by: "id" } }],
    [{ artifact: "churn" }, { kind: "artifact" }],
    [{ tag: "raw" }, { kind: "tag" }],
    ["churn", { reference: { by: "text" } }],
  ])("%j is parsed as what it is", (of, parsed) => {
    expect(parse(of)).toMatchObject(parsed)
  })

  it("that is no target at all is refused as one", () => {
    for (const of of ["", "churn@@1", 5, null])
      expect(parse(of)).toMatchObject({ _tag: "InvalidReference" })
  })

  it("that is a text is refused in the decision, and nothing else is", () => {
    const text = { kind: "version", reference: { by: "text", text: "churn" } } as const
    expect(bareText(text, advice)).toMatchObject(refused)
    const byId = { kind: "version", reference: { by: "id", id: testId(7) } } as const
    for (const of of [byId, { kind: "artifact", name: "churn" } as const])
      expect(bareText(of, advice)).toBeUndefined()
  })
})

/**
 * The words that are stored in events for good, and the type that a version carries.
 */
import { describe, expect, expectTypeOf, it } from "vitest"
import type { ArtifactVersion } from "./artifact.js"
import * as exported from "./artifact.js"

describe("artifact types", () => {
  it("are those of ZenML, once each: stored events name them", () => {
    expect(exported.artifactTypes).toEqual([
      ...["data", "model", "service", "statistics", "schema", "data-analysis", "base"],
    ])
    expect(exported.saveTypes).toEqual(["manual", "step-output", "external", "preexisting"])
  })
})

describe("a version", () => {
  it("carries the type of its value, which is not there at run time", () => {
    expectTypeOf<ArtifactVersion<number>>().toExtend<ArtifactVersion>()
    expectTypeOf<ArtifactVersion<number>>().not.toExtend<ArtifactVersion<string>>()
    expect(Object.keys(exported)).toEqual(["artifactTypes", "saveTypes"])
  })
})

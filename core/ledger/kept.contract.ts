/**
 * What a real ledger says of its content, held against a naive one: which of it is there, for which
 * versions it stays, and what it takes.
 *
 * Knows the few texts that are ever saved, not what else happens.
 */
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import { candidateCountMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import type { Usage, WhyKept } from "./answers.js"
import type { Model } from "./model.contract.js"
import { Standings, undoOf } from "./standing.contract.js"
import { equal, undoOption, type World } from "./world.contract.js"

/** All that is ever saved. */
export const texts = ["", "one", "two", "three", "zwölf"]

/** Which content is there; and whether what it stays for is told as it should be. */
export const storedIn = async (
  world: World,
  model: Model,
  undo?: number,
): Promise<ReadonlySet<string>> => {
  const standings = new Standings(model.state, model.now, undoOf(undo))
  const asked = texts.map((text) =>
    world.ledger.whyKept(digestOf(Buffer.from(text)), undoOption(undo)),
  )
  const told = (await world.run(model.now, Effect.all(asked))) as ReadonlyArray<WhyKept>
  const stored = new Set<string>()
  for (const [index, text] of texts.entries()) {
    const { stored: isStored, count, reasons = [] } = told[index] ?? {}
    if (isStored) stored.add(text)
    const said = standings.whyKept(text)
    equal([text, count], [text, said.length])
    equal(reasons.length, Math.min(said.length, candidateCountMax))
    for (const reason of reasons) {
      const translated = world.translate(reason)
      equal(said.find((one) => isDeepStrictEqual(one, translated)) ?? said, translated)
    }
  }
  // Saves that were refused may have left more.
  equal(new Set([...stored, ...standings.owned]), stored)
  return stored
}

/** All that is told of content by now; answers with what is there. */
export const checkContent = async (world: World, model: Model): Promise<ReadonlySet<string>> => {
  const undo = [undefined, 0, 2][model.state.position % 3]
  const stored = await storedIn(world, model, undo)
  const answer = await world.run(model.now, world.ledger.usage(undoOption(undo)))
  const { artifacts, ...totals } = answer as Usage
  const standings = new Standings(model.state, model.now, undoOf(undo))
  const { artifacts: said, reclaimableOfArtifacts, ...expected } = standings.usage(stored)
  equal(totals, expected)
  const surviving = artifacts.filter(({ versions }) => versions > 0)
  const told = surviving.map(({ reclaimable, ...one }) => one)
  equal(new Set(told), new Set(said))
  const reclaimable = artifacts.reduce((bytes, one) => bytes + one.reclaimable, 0)
  equal(reclaimable, reclaimableOfArtifacts)
  return stored
}

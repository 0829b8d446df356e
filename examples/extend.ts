/**
 * A program's own words in a ledger: a materializer for its own class, and an event with the
 * command that decides it and the projection that it is seen through.
 */
import {
  command,
  eventType,
  InvalidInput,
  type Materializer,
  openLedger,
  projection,
} from "daybook"
import * as Schema from "effect/Schema"

// #region materializer
export class Model {
  readonly weights: ReadonlyArray<number>
  constructor(weights: ReadonlyArray<number>) {
    this.weights = weights
  }
}

export const models: Materializer<Model, Model> = {
  name: "linear-model",
  revision: 1,
  type: "model",
  accepts: (value) => value instanceof Model,
  save: ({ weights }, out) => out.write("weights.json", JSON.stringify(weights)),
  load: async (files) => new Model(JSON.parse(await files.text("weights.json"))),
  metadata: ({ weights }) => ({ weights: weights.length }),
}
// #endregion

// #region event
const Counted = Schema.Struct({ station: Schema.String, birds: Schema.Int })
type Counted = typeof Counted.Type

export const birdsCounted = eventType({
  type: "birds/counted",
  revision: 1,
  schema: Counted,
  sentence: ({ station, birds }) => `counted ${birds} birds at ${station}`,
})

export const stations = projection<{ readonly total: number }, { "birds/counted": Counted }>()({
  name: "birds/stations",
  revision: 1,
  on: {
    "birds/counted": (rows, { data: { station, birds } }) => {
      const before = rows.get(["total", station]) ?? 0
      rows.put(["total", station], before + birds)
    },
  },
})

const isCounted = Schema.is(Counted)

export const countBirds = command<Counted>({
  name: "birds/count",
  parse: (input) =>
    isCounted(input) ? input : new InvalidInput({ message: "which station?", path: "input" }),
  decide: (data) => ({ facts: [{ type: "birds/counted", data, subjects: [] }], result: null }),
})
// #endregion

export const extended = async (directory: string) => {
  // #region extend
  const ledger = await openLedger({
    directory,
    materializers: [models],
    events: [birdsCounted],
    projections: [stations],
    commands: [countBirds],
  })
  await ledger.save("model", new Model([0.5, 2]))
  await ledger.execute(countBirds, { station: "Dream", birds: 68 })
  const { position } = await ledger.execute(countBirds, { station: "Dream", birds: 56 })

  await ledger.view(stations).get(["total", "Dream"]) // 124
  const before = ledger.asOf(position - 1)
  await before.view(stations).get(["total", "Dream"]) // 68
  // #endregion
  return { ledger, position }
}

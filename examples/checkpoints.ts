/**
 * A training loop that leaves a folder of checkpoints after each epoch. Each is registered where it
 * lies; later somebody changes a file by hand, and the ledger says which.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ContentDrifted, type Ledger, openLedger } from "daybook"

/** Logistic regression by gradient descent: points below a line are to be told from those above. */
class Perceptron {
  readonly weights = new Float64Array(3)

  /** One pass over the points; answers the share that is told right afterwards. */
  train(points: ReadonlyArray<readonly [number, number]>): number {
    for (const point of points) {
      const error = labelOf(point) - this.predict(point)
      for (const [at, value] of [...point, 1].entries())
        this.weights[at] = (this.weights[at] ?? 0) + 0.1 * error * value
    }
    const right = points.filter((point) => this.predict(point) > 0.5 === (labelOf(point) === 1))
    return right.length / points.length
  }

  predict([x, y]: readonly [number, number]): number {
    const [a = 0, b = 0, c = 0] = this.weights
    return 1 / (1 + Math.exp(-(a * x + b * y + c)))
  }
}

const labelOf = ([x, y]: readonly [number, number]): number => (y > 0.5 * x + 0.2 ? 1 : 0)

const points = Array.from({ length: 400 }, (_, at): readonly [number, number] => [
  ((at * 7_919) % 997) / 997,
  ((at * 104_729) % 991) / 991,
])

const writeCheckpoint = async (folder: string, model: Perceptron, accuracy: number) => {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, "weights.bin"), new Uint8Array(model.weights.buffer))
  await writeFile(join(folder, "metrics.json"), JSON.stringify({ accuracy }))
}

/** Trains and registers. `runs` is a directory that checkpoints are written to. */
export const train = async (ledger: Ledger, runs: string, epochs: number) => {
  const model = new Perceptron()
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const accuracy = model.train(points)
    const folder = join(runs, `epoch-${epoch}`)
    await writeCheckpoint(folder, model, accuracy)
    // #region register
    const checkpoint = await ledger.register(folder, {
      name: "checkpoints",
      metadata: { accuracy, epoch },
    })
    // #endregion
    console.log(`epoch ${epoch}: ${accuracy}, version ${checkpoint.version}`)
  }
}

/** What was changed of a checkpoint, and whether it can still be handed out. */
export const audit = async (ledger: Ledger, reference: string) => {
  // #region drift
  const { drifted, entries, text } = await ledger.drift(reference)
  // #endregion
  const paths = entries.map(({ path, change }) => `${path} (${change})`)
  console.log(`${reference}: ${text}${drifted ? `: ${paths.join(", ")}` : ""}`)
  return drifted
}

/** The archive of a checkpoint, or undefined where it is not any more what was registered. */
export const handOut = async (ledger: Ledger, reference: string, path: string) => {
  try {
    const { size } = await ledger.download(reference, path, { overwrite: true })
    console.log(`${reference}: ${size} bytes in ${path}`)
    return size
  } catch (error) {
    if (!(error instanceof ContentDrifted)) throw error
    console.log(`${reference}: refused, ${error.message}`)
    return undefined
  }
}

/** Everything in one directory: the ledger, the runs and the archives. */
export const main = async (directory: string): Promise<void> => {
  const runs = join(directory, "runs")
  await mkdir(runs, { recursive: true })
  // #region roots
  const ledger = await openLedger({ directory: join(directory, "ledger"), roots: { runs } })
  // #endregion
  await train(ledger, runs, 3)
  await writeFile(join(runs, "epoch-2", "metrics.json"), JSON.stringify({ accuracy: 1 }))
  for (const version of ["checkpoints@1", "checkpoints@2", "checkpoints@3"]) {
    await audit(ledger, version)
    await handOut(ledger, version, join(directory, `${version}.zip`))
  }
  await ledger.close()
}

const [, program = "", directory] = process.argv
if (program.endsWith("checkpoints.ts") && directory !== undefined) await main(directory)

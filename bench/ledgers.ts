/**
 * Ledgers to measure, each made by the calls that are measured; and what those calls are given.
 */
import { join } from "node:path"
import { type Ledger, openLedger } from "daybook"

export const artifactCount = 256
export const callerCount = 64

export const artifactName = (index: number): string => `artifact-${index % artifactCount}`

/** What is logged: three small values, one of them new each time. */
export const metadataOf = (index: number) => ({ epoch: index, loss: 1 / (index + 1), ok: true })

/** About 200 bytes that were never saved before. */
export const smallValue = (index: number) => ({
  seed: index,
  text: `value ${index} `.repeat(12),
  list: [index, index / 7, index / 11],
})

export const open = (directory: string): Promise<Ledger> => openLedger({ directory, actor: "ann" })

/** Calls with many callers at a time, for making things that are not measured. */
export const many = async (count: number, call: (index: number) => Promise<unknown>) => {
  let next = 0
  const caller = async () => {
    while (next < count) {
      next += 1
      await call(next - 1)
    }
  }
  await Promise.all(Array.from({ length: callerCount }, caller))
}

/** A ledger in which each artifact has one version. */
export const openWithArtifacts = async (directory: string): Promise<Ledger> => {
  const ledger = await open(directory)
  await many(artifactCount, (index) => ledger.save(artifactName(index), smallValue(index)))
  return ledger
}

/** A closed ledger in which `act` was done, for its bytes; where it lies. */
export const sample = async (
  directory: string,
  name: string,
  act: (ledger: Ledger) => Promise<void>,
): Promise<string> => {
  const path = join(directory, name)
  const ledger = await open(path)
  await act(ledger)
  await ledger.close()
  return path
}

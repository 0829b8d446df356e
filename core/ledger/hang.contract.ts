/**
 * Reads that must come to an end: one that takes too much of the processor fails; one that never
 * ends, which nothing in its own thread could tell, has the process killed by another thread, which
 * says what was read.
 *
 * Bounds for what hangs, not for what is slow. Knows nothing of what is read.
 */
import { writeSync } from "node:fs"
import { Worker } from "node:worker_threads"

/** Of the processor: a read of a few kilobytes takes a thousandth of it. */
const readMillisecondsMax = 2_000
/** By the clock, whatever else the machine does. */
const hangMilliseconds = 30_000

// Odd while something is read. The numbers alone are looked at: no reader has to wake anybody.
const watch = `
  const { workerData } = require("node:worker_threads")
  const { writeSync } = require("node:fs")
  const { count, name, hangMilliseconds } = workerData
  for (;;) {
    const seen = Atomics.load(count, 0)
    Atomics.wait(count, 1, 0, hangMilliseconds)
    if (seen % 2 === 0 || Atomics.load(count, 0) !== seen) continue
    const text = Buffer.from(name).toString("utf8").replace(/\\0+$/, "")
    writeSync(2, "\\nthis read does not end: " + text + "\\n")
    process.kill(process.pid, "SIGKILL")
  }`

export interface Reads {
  /** A read begins, which is called so where it hangs; what it gives back is called at its end. */
  readonly begin: (name: string) => () => void
  readonly end: () => Promise<unknown>
}

const expectQuick = (called: string, { user, system }: NodeJS.CpuUsage): void => {
  const taken = Math.round((user + system) / 1_000)
  if (taken > readMillisecondsMax) throw new Error(`a read took ${taken} ms: ${called}`)
}

/** Watches reads, one at a time, from now on until the end. */
export const watchReads = (): Reads => {
  const count = new Int32Array(new SharedArrayBuffer(8))
  const name = new Uint8Array(new SharedArrayBuffer(256))
  const worker = new Worker(watch, { eval: true, workerData: { count, name, hangMilliseconds } })
  worker.unref()
  worker.on("error", (error) => void writeSync(2, `nobody watches reads: ${error}\n`))
  let last = ""
  return {
    begin: (called) => {
      if (called !== last) new TextEncoder().encodeInto(called.padEnd(256, "\0"), name)
      last = called
      const before = process.cpuUsage()
      Atomics.add(count, 0, 1)
      return () => {
        Atomics.add(count, 0, 1)
        expectQuick(called, process.cpuUsage(before))
      }
    },
    end: () => worker.terminate(),
  }
}

/**
 * A process of its own for each library that Daybook is compared with. It stays as long as the
 * comparison, so it is warm, and what it leaves behind is not cleared away in another's time.
 *
 * Knows nothing of what is done there.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Answer, Order } from "./apart-process.js"
import type { Rival } from "./rivals.js"

export class Apart {
  readonly #child: ChildProcess
  #processor = 0

  constructor() {
    this.#child = fork(fileURLToPath(new URL("apart-process.ts", import.meta.url)))
  }

  /** Microseconds of processor time that its calls have taken so far. */
  readonly processor = (): number => this.#processor

  /** Does the work once. */
  async call(rival: Rival, ...args: ReadonlyArray<string>): Promise<number> {
    const order: Order = { rival, args }
    const answered = once(this.#child, "message")
    this.#child.send(order)
    const [{ value, processor, problem }] = (await answered) as [Answer]
    if (problem !== undefined) throw new Error(`${rival}: ${problem}`)
    this.#processor += processor
    return value
  }

  close(): void {
    this.#child.kill()
  }
}

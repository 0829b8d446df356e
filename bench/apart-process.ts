/**
 * The process that `apart.ts` begins: it does one thing after the other, as it is told, and says
 * how much processor time each took.
 */
import { type Rival, rivals } from "./rivals.js"

export interface Order {
  readonly rival: Rival
  readonly args: ReadonlyArray<string>
}

export interface Answer {
  readonly value: number
  /** Microseconds. */
  readonly processor: number
  readonly problem?: string
}

const answer = async ({ rival, args }: Order): Promise<Answer> => {
  const before = process.cpuUsage()
  const work: (...args: ReadonlyArray<string>) => Promise<number> = rivals[rival] as never
  const value = await work(...args)
  const { user, system } = process.cpuUsage(before)
  return { value, processor: user + system }
}

process.on("message", (order: Order) => {
  const failed = (cause: unknown): Answer => ({ value: 0, processor: 0, problem: String(cause) })
  void answer(order)
    .catch(failed)
    .then((said) => process.send?.(said))
})

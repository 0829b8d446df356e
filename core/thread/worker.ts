/**
 * What runs on a thread: it takes one order after the other, and loads the module of each.
 *
 * Does not know what the work is, nor who asks for it.
 */
import { parentPort } from "node:worker_threads"
import { type PlainError, toPlainError } from "../model/cause.js"
import type { Done } from "./work.js"

/** What a thread is told to do. */
export interface Order {
  readonly id: number
  readonly module: string
  readonly job: unknown
}

/** What a thread tells: that it takes orders from now on, and what came of each. */
export type Told =
  | "ready"
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly thrown: PlainError }

type Answer = (job: unknown) => Done<unknown>

const modules = new Map<string, Promise<{ readonly answer: Answer }>>()

const load = (module: string) => {
  const loading = modules.get(module) ?? import(module)
  modules.set(module, loading)
  return loading
}

const tell = (told: Told, transfer: ReadonlyArray<ArrayBuffer> = []): void =>
  parentPort?.postMessage(told, [...transfer])

const take = async ({ id, module, job }: Order): Promise<void> => {
  try {
    const { answer } = await load(module)
    const { value, transfer } = answer(job)
    tell({ id, value }, transfer)
  } catch (cause) {
    tell({ id, thrown: toPlainError(cause) })
  }
}

parentPort?.on("message", (order: Order) => void take(order))
tell("ready")

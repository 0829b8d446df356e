/**
 * Threads of this process for work that would keep its event loop from turning: reading many small
 * files, compressing. All ledgers share them; they begin when there is work and end when there is
 * none for a while, and never keep the process alive.
 *
 * Where no thread can be had (a bundled program, a process that may not start any), the work is
 * done on the thread that asks. Does not know what the work is.
 */
import { availableParallelism } from "node:os"
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import { fromPlainError } from "../model/cause.js"
import type { Work } from "./work.js"
import type { Order, Told } from "./worker.js"

// One thread reads and compresses about 100 MB a second: four outrun most disks.
const threadCountMax = 4
// The next one waits in the thread already when one is done.
const threadWorkCountMax = 2
const idleMilliseconds = 60_000

// What is young is soon garbage here, and would be kept for long in the room that V8 likes to take.
const resourceLimits = { maxYoungGenerationSizeMb: 3 }

interface Asked {
  readonly order: Order
  readonly transfer: ReadonlyArray<ArrayBuffer>
  readonly inline: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (cause: unknown) => void
}

interface How {
  /** Buffers of the job that are handed over: they are gone afterwards. */
  readonly transfer?: ReadonlyArray<ArrayBuffer>
  readonly isUrgent?: boolean
}

interface Thread {
  readonly worker: Worker
  readonly running: Map<number, Asked>
  isReady: boolean
}

const ended = (): Error => new Error("a thread ended in the middle of work")

const extension = extname(import.meta.url)
const isCompiled = extension === ".js"

/** A group of threads. Everybody uses the one below; another one is for tests. */
export class Threads {
  readonly #entry: URL
  readonly #countMax: number
  readonly #threads = new Set<Thread>()
  #waiting: Array<Asked> = []
  #isPossible = true
  #nextId = 0
  #idle: NodeJS.Timeout | undefined

  constructor(entry: URL, countMax: number) {
    this.#entry = entry
    this.#countMax = countMax
  }

  /** How many threads are ready for work. */
  get readyCount(): number {
    return [...this.#threads].filter(({ isReady }) => isReady).length
  }

  /** Begins with threads, so that there are some when they are needed. */
  warm(): void {
    while (this.#isPossible && this.#threads.size < this.#countMax) this.#start()
  }

  /** Work on a thread. What is urgent goes before all that waits, else it is first come. */
  ask<J, A>(work: Work<J, A>, job: J, { transfer = [], isUrgent = false }: How = {}): Promise<A> {
    this.warm()
    this.#nextId += 1
    const order = { id: this.#nextId, module: work.module, job }
    return new Promise<A>((resolve, reject) => {
      const inline = () => work.answer(job).value
      const settle = resolve as (value: unknown) => void
      const asked = { order, transfer, inline, resolve: settle, reject }
      if (isUrgent) this.#waiting.unshift(asked)
      else this.#waiting.push(asked)
      this.#hand()
    })
  }

  #hand(): void {
    if (!this.#isPossible) this.#handInline()
    while (this.#waiting.length > 0) {
      const ready = [...this.#threads].filter(
        ({ isReady, running }) => isReady && running.size < threadWorkCountMax,
      )
      const [free] = ready.sort((a, b) => a.running.size - b.running.size)
      const asked = free && this.#waiting.shift()
      if (free === undefined || asked === undefined) return
      free.running.set(asked.order.id, asked)
      free.worker.ref()
      free.worker.postMessage(asked.order, [...asked.transfer])
    }
  }

  #handInline(): void {
    const all = this.#waiting
    this.#waiting = []
    for (const { inline, resolve, reject } of all)
      setImmediate(() => {
        try {
          resolve(inline())
        } catch (cause) {
          reject(cause)
        }
      })
  }

  #start(): void {
    const worker = this.#worker()
    if (worker === undefined) return
    const thread: Thread = { worker, running: new Map(), isReady: false }
    this.#threads.add(thread)
    worker.on("message", (told: Told) => this.#hear(thread, told))
    worker.on("error", (cause) => {
      // Where one cannot come to be, none can.
      if (!thread.isReady) this.#isPossible = false
      this.#lose(thread, cause)
    })
    worker.on("exit", () => this.#lose(thread, ended()))
  }

  #worker(): Worker | undefined {
    try {
      // What the process loads before its program is not for threads; sources need what loads them.
      const execArgv = isCompiled ? { execArgv: [] } : {}
      return new Worker(this.#entry, { name: "daybook", resourceLimits, ...execArgv })
    } catch {
      // A process that may not start any.
      this.#isPossible = false
      return undefined
    }
  }

  #hear(thread: Thread, told: Told): void {
    if (told === "ready") thread.isReady = true
    else {
      const asked = thread.running.get(told.id)
      thread.running.delete(told.id)
      if ("thrown" in told) asked?.reject(fromPlainError(told.thrown))
      else asked?.resolve(told.value)
    }
    this.#hand()
    if (thread.running.size > 0) return
    thread.worker.unref()
    this.#rest()
  }

  /** What it was at is lost with it. */
  #lose(thread: Thread, cause: unknown): void {
    if (!this.#threads.delete(thread)) return
    for (const { reject } of thread.running.values()) reject(cause)
    // What waits goes to others.
    if (this.#waiting.length > 0) this.warm()
    this.#hand()
  }

  #rest(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      const isBusy = [...this.#threads].some(({ running }) => running.size > 0)
      if (!isBusy) void this.close()
    }, idleMilliseconds)
    this.#idle.unref()
  }

  /** Ends all threads, and what they are at; the next work begins with new ones. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const all = [...this.#threads]
    for (const thread of all) this.#lose(thread, ended())
    await Promise.all(all.map(({ worker }) => worker.terminate()))
  }
}

/** The threads of this process. */
export const threads = new Threads(
  new URL(`./worker${extension}`, import.meta.url),
  Math.min(availableParallelism(), threadCountMax),
)

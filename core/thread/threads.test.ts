/**
 * Threads: work in order, many at once, errors that say what they were; and what becomes of work
 * when a thread dies, or when there can be none.
 */
import { describe, expect, it } from "vitest"
import { Threads, threads } from "./threads.js"
import { type Job, work } from "./work.contract.js"

const ask = (group: Threads, job: Job) => group.ask(work, job)

describe("work", () => {
  it("is done on another thread, and answered to whoever asked", async () => {
    const here = work.answer({ kind: "thread" }).value
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => ask(threads, { kind: "double", of: at })),
    )
    expect(answers).toEqual(Array.from({ length: 50 }, (_, at) => 2 * at))
    expect(await ask(threads, { kind: "thread" })).not.toBe(here)
  })

  it("hands buffers over, there and back", async () => {
    const bytes = new Uint8Array([1, 2, 3])
    const asked = threads.ask(work, { kind: "reverse", bytes }, { transfer: [bytes.buffer] })
    expect(bytes.length).toBe(0)
    expect(await asked).toEqual(new Uint8Array([3, 2, 1]))
  })

  it("goes first where it is urgent", async () => {
    const group = new Threads(new URL(import.meta.url.replace("threads.test", "worker")), 1)
    const order: Array<string> = []
    const all = ["a", "b", "c"].map((name) =>
      ask(group, { kind: "double", of: 1 }).then(() => order.push(name)),
    )
    const urgent = group.ask(work, { kind: "double", of: 1 }, { isUrgent: true })
    await Promise.all([...all, urgent.then(() => order.push("urgent"))])
    expect(order[0]).toBe("urgent")
    await group.close()
  })

  it("that throws says what and with which code", async () => {
    await expect(ask(threads, { kind: "open", path: "/nowhere" })).rejects.toMatchObject({
      code: "ENOENT",
      syscall: "open",
    })
    await expect(ask(threads, { kind: "throw", what: "no error" })).rejects.toThrow("no error")
  })

  it("is lost with the thread that dies, and what comes later is done by another", async () => {
    const dying = Array.from({ length: 8 }, () => ask(threads, { kind: "exit" }))
    const waiting = ask(threads, { kind: "double", of: 2 })
    const [first] = dying
    const rest = Promise.allSettled(dying)
    await expect(first).rejects.toThrow("a thread ended in the middle of work")
    expect((await rest).map(({ status }) => status)).toEqual(dying.map(() => "rejected"))
    expect(await waiting).toBe(4)
    expect(await ask(threads, { kind: "double", of: 4 })).toBe(8)
  })

  it("is done by new threads after all were ended, whatever they were at", async () => {
    const asked = ask(threads, { kind: "double", of: 3 })
    const settled = asked.catch((cause: Error) => cause.message)
    await threads.close()
    expect(["a thread ended in the middle of work", 6]).toContain(await settled)
    expect(threads.readyCount).toBe(0)
    expect(await ask(threads, { kind: "double", of: 5 })).toBe(10)
    expect(threads.readyCount).toBeGreaterThan(0)
  })

  it("is done here where no thread comes to be", async () => {
    const group = new Threads(new URL("./no-such-worker.js", import.meta.url), 2)
    const here = work.answer({ kind: "thread" }).value
    expect(await ask(group, { kind: "thread" })).toBe(here)
    expect(await ask(group, { kind: "double", of: 6 })).toBe(12)
    await expect(ask(group, { kind: "open", path: "/nowhere" })).rejects.toMatchObject({
      code: "ENOENT",
    })
    expect(group.readyCount).toBe(0)
    await group.close()
  })
})

/**
 * A program that does one operation on a ledger, once it is told to, and tells how each step went:
 * for suites that kill it, or let something fail, at a moment of their choice.
 *
 * Its text is all that travels into its process. Does not know what becomes of it.
 */
import type { Swept } from "./answers.js"
import type { Stage } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

/** How a step of the program went: what it answered, or the error that it was refused with. */
export interface Told {
  readonly step: string
  readonly position?: number
  readonly damaged?: ReadonlyArray<unknown>
  readonly types?: ReadonlyArray<string>
  readonly names?: ReadonlyArray<string>
  /** That a sweep has given back. */
  readonly bytes?: number
  readonly error?: {
    readonly _tag?: string
    readonly kind?: string
    readonly outcome?: string
    readonly reason?: string
    readonly message: string
  }
}

/**
 * Does one operation, with or without an idempotency key as it can. `once`: and ends there. `on`:
 * goes on as a program would, writes, closes, opens again. `again`: tries the same once more, and
 * tells what events it has made by then.
 */
export const perform = async (
  stage: Stage,
  directory: string,
  operation: string,
  mode: string,
): Promise<void> => {
  const swept = { idempotencyKey: "swept" }
  const text = (word: string): string => `${word} `.repeat(40)
  /** To add an operation: one line here, and one where it is tried. */
  const operations: Readonly<Record<string, (ledger: PromiseLedger) => Promise<unknown>>> = {
    save: (ledger) => ledger.save("model", text("new"), { ...swept, tags: "fresh" }),
    batch: (ledger) =>
      ledger.batch((b) => {
        const other = b.save("other", text("other"))
        b.tag({ id: other.id }, "kept")
        b.save("model", text("derived"), { inputs: [{ id: other.id }] })
        b.logMetadata({ artifact: "model" }, { n: 2 })
      }, swept),
    tag: (ledger) => ledger.tag("model@2", "only", swept),
    logMetadata: (ledger) => ledger.logMetadata("model@1", { n: 3 }, swept),
    delete: (ledger) => ledger.delete("model@1", { ...swept, reason: "old" }),
    seal: (ledger) => ledger.logMetadata("model@1", { n: 3 }, swept),
    sweep: (ledger) => ledger.sweep({ undoDays: 0 }),
    load: (ledger) => ledger.load("model@1"),
    backup: (ledger) => ledger.backup(`${directory}-backup`),
    read: async () => {
      const reader = await stage.openLedger({ directory, readOnly: true })
      if ((await reader.load("model@1")) !== text("first")) throw new Error("another text")
      await reader.close()
    },
    recover: async () => {
      const into = `${directory}-recovered`
      // What was recovered before is whole, or it would not be a ledger.
      if (!stage.names(into).includes("ledger.json")) await stage.recover(directory, { into })
    },
    rebuild: (ledger) => ledger.rebuild(),
    close: (ledger) => ledger.close(),
  }
  const act = operations[operation]
  const open = () => stage.openLedger({ directory, create: operation === "make" })
  const attempt = async (step: string, run: () => Promise<object>): Promise<void> => {
    try {
      stage.tell({ step, ...(await run()) })
    } catch (thrown) {
      const { _tag, kind, outcome, reason, message } = thrown as Record<string, unknown>
      stage.tell({ step, error: { _tag, kind, outcome, reason, message } })
    }
  }
  let ledger = act === undefined ? undefined : await open()
  if (operation === "close" && mode !== "again")
    await ledger?.save("model", text("last"), { idempotencyKey: "before" })
  stage.tell({ step: "ready" })
  await stage.told()
  await attempt("act", async () => {
    ledger ??= await open()
    const answer = await act?.(ledger)
    const given = operation === "sweep" ? (answer as Swept) : undefined
    return { position: ledger.position, damaged: ledger.trust.damaged, bytes: given?.bytes }
  })
  if (mode === "once") process.exit()
  if (operation === "make" && ledger === undefined)
    stage.tell({ step: "left", names: stage.names(directory) })
  const held = operation === "close" ? undefined : ledger
  if (mode === "again" && held !== undefined)
    await attempt("kept", async () => {
      const types: Array<string> = []
      for await (const { type, idempotencyKey } of held.replay())
        if (idempotencyKey === "swept") types.push(type)
      return { types }
    })
  if (mode === "on" && held !== undefined)
    await attempt("after", async () => {
      const { position } = await held.save("later", text("later"), { idempotencyKey: "after" })
      return { position }
    })
  if (held !== undefined) await attempt("close", async () => ({ closed: await held.close() }))
  if (mode === "again") return
  await attempt("reopen", async () => {
    const again = await open()
    const { position, trust } = again
    await again.close()
    return { position, damaged: trust.damaged }
  })
}

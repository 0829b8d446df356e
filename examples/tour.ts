/**
 * What the README shows, one function each, on whatever ledger it is given. The marked regions are
 * the README's code blocks, word for word.
 */
import { createReadStream } from "node:fs"
import {
  ArtifactMissing,
  ContentGone,
  InUse,
  type Ledger,
  openLedger,
  recover,
  VersionExists,
} from "daybook"

export const inMemory = async () => {
  // #region memory
  const ledger = await openLedger({ memory: true })
  // #endregion
  return ledger
}

export const backedUp = async (ledger: Ledger, directory: string) => {
  // #region backup
  const backup = await ledger.backup(directory) // { position, root, events, bytes }
  // #endregion
  return backup
}

export const recovered = async (directory: string, into: string) => {
  // #region recover
  const { lost, leftOut, altered, contentLost } = await recover(directory, { into })
  const ledger = await openLedger(into)
  // #endregion
  return { ledger, lists: [lost, leftOut, altered, contentLost] }
}

/** Looks at the ledger of a directory while `work` goes on in it. */
export const lookOn = async (directory: string, work: () => Promise<unknown>) => {
  // #region reader
  const reader = await openLedger({ directory, readOnly: true })
  const seen = await reader.load("penguins")
  // #endregion
  await work()
  // #region follow
  const { position: latest } = await reader.refresh()
  // #endregion
  await reader.close()
  return { seen, latest }
}

export const values = async (ledger: Ledger, path: string) => {
  // #region values
  await ledger.save("note", "any text")
  await ledger.save("settings", { depth: 4, rate: 0.1 })
  await ledger.save("weights", new Float32Array([0.5, -1.25]))
  await ledger.save("seen", new Map([[7n, new Date(0)]]))
  await ledger.save("recording", createReadStream(path)) // streamed, never held whole
  // #endregion
  return ledger.load("seen")
}

export const batch = async (ledger: Ledger) => {
  // #region batch
  const [model, tagged] = await ledger.batch((b) => {
    const { id } = b.save("model", { bias: 0.5 }, { inputs: ["penguins@2"], type: "model" })
    b.tag({ id }, "candidate")
    b.logMetadata({ artifact: "penguins" }, { newest_model: id })
  })
  // #endregion
  return { model, tagged }
}

export const list = async (ledger: Ledger) => {
  // #region list
  const page = await ledger.listVersions({
    name: { startsWith: "peng" },
    tags: { none: ["candidate"] },
    sort: { by: "size", order: "desc" },
    limit: 10,
  }) // { entries, next }: pass `next` as `cursor` to get the next page

  const names: Array<string> = []
  for await (const artifact of ledger.artifacts()) names.push(artifact.name)
  // #endregion
  return { page, names }
}

export const mistakes = async (ledger: Ledger) => {
  const said: Array<string> = []
  // #region errors
  try {
    await ledger.load("pengiuns")
  } catch (error) {
    if (!(error instanceof ArtifactMissing)) throw error
    said.push(error.kind, ...error.candidates) // "missing", "penguins"
  }
  // #endregion
  return said
}

export const retries = async (ledger: Ledger) => {
  const rows = [{ island: "Dream", birds: 124 }]
  // #region retry
  const save = () =>
    ledger.save("census", rows, { expect: { latest: null }, idempotencyKey: "census of 2023" })
  const first = await save()
  const second = await save() // the first answer again: nothing was written
  // #endregion
  return { first, second }
}

export const labels = async (ledger: Ledger) => {
  // #region labels
  await ledger.save("report", "draft") // version 1
  await ledger.save("report", "final", { version: "final" })
  await ledger.save("report", "next", { version: 44 })
  const { version } = await ledger.save("report", "after") // "45"
  const taken = await ledger.save("report", "again", { version: "final" }).catch((e) => e)
  // #endregion
  return { version, isTaken: taken instanceof VersionExists }
}

export const deletion = async (ledger: Ledger) => {
  // #region delete
  const refused = await ledger.delete("penguins@2").catch((error) => error) // InUse: by model@1
  await ledger.delete("model@1", { reason: "superseded" }) // hidden, its label stays taken
  await ledger.delete("penguins@2") // nothing that is left was made from it
  await ledger.restore("penguins@2")
  // #endregion
  return refused instanceof InUse ? refused.consumers : []
}

export const holding = async (ledger: Ledger) => {
  // #region hold
  await ledger.hold("penguins@1", { reason: "the audit of 2026" }) // its version has it as `held`
  const refused = await ledger.delete("penguins@1", { force: true }).catch((e) => e) // InUse
  await ledger.release("penguins@1")
  // #endregion
  return refused instanceof InUse ? refused.held : []
}

export const pruning = async (ledger: Ledger, olderThan: Date) => {
  // #region prune
  const plan = await ledger.prune({ keepLast: 2, keepTagged: true, olderThan, dryRun: true })
  for (const { name, version, size, why } of plan.versions)
    console.log(`${name}@${version}: ${size} bytes, ${why}`)

  const { count, skipped } = await ledger.prune(plan, { reason: "older than a month" })
  // #endregion
  return { plan, count, skipped }
}

export const sweeping = async (ledger: Ledger) => {
  const kept = await ledger.get("penguins@latest")
  // #region sweep
  const { reclaimable } = await ledger.usage({ undoDays: 0 }) // in bytes, as they are stored
  const { versions } = await ledger.sweep({ undoDays: 0, dryRun: true }) // says what it would do
  await ledger.sweep({ undoDays: 0, reason: "end of the season" })
  const gone = await ledger.restore("penguins@1").catch((error) => error) // ContentGone
  const { reasons } = await ledger.whyKept(kept.digest) // [{ kind: "version", … }]
  // #endregion
  return { reclaimable, versions, gone: gone instanceof ContentGone ? gone.reason : "", reasons }
}

export const verification = async (ledger: Ledger) => {
  // #region verify
  const { whole, findings, text } = await ledger.verify({ depth: "blobs" })
  // #endregion
  return { whole, findings, text }
}

export const archive = async (ledger: Ledger) => {
  // #region zip
  const zip = await ledger.zip("penguins@2")
  const headers = { "content-length": String(zip.size), etag: zip.etag }
  const body: Array<Uint8Array> = []
  for await (const bytes of zip.stream({ start: 0, end: zip.size })) body.push(bytes)
  // #endregion
  return { headers, body: Buffer.concat(body), filename: zip.filename }
}

export const importing = async (ledger: Ledger, upload: ReadableStream<Uint8Array>) => {
  // #region import
  const limits = { bytesMax: 50_000_000, entryCountMax: 1_000 }
  const version = await ledger.importZip(upload, { name: "upload", limits })
  for await (const bytes of ledger.open("upload", "notes.txt")) console.log(String(bytes))
  // #endregion
  return version
}

export const history = async (ledger: Ledger) => {
  const sentences: Array<string> = []
  // #region history
  for await (const event of ledger.history("penguins@1")) sentences.push(ledger.formatEvent(event))
  // #endregion
  return sentences
}

export const story = async (ledger: Ledger) => {
  const sentences: Array<string> = []
  // #region replay
  for await (const event of ledger.replay({ actor: "ann", types: ["version-saved"] }))
    sentences.push(`${event.position} ${ledger.formatEvent(event)}`)
  // #endregion
  return sentences
}

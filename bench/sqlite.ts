/**
 * The same work in SQLite: a plain schema as one would write it for artifacts, versions and
 * metadata, a table of changes in place of events; one transaction a call, WAL, synchronous=FULL.
 *
 * Keeps no past, no proofs and no chunks: it is the floor of what a save has to write.
 */
import { createHash } from "node:crypto"
import { createRequire } from "node:module"
import type { Contender } from "./measure.js"

interface Statement {
  readonly run: (...values: ReadonlyArray<unknown>) => unknown
}

export interface Database {
  readonly exec: (sql: string) => void
  readonly prepare: (sql: string) => Statement
  readonly transaction: (act: (index: number) => void) => (index: number) => void
  readonly close: () => void
}

// Its types are not installed with it; this is what is used of them.
const load: (name: string) => unknown = createRequire(import.meta.url)
const Sqlite = load("better-sqlite3") as new (path: string) => Database

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE artifact (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, latest INTEGER, updated INTEGER NOT NULL
  );
  CREATE TABLE blob (digest BLOB PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE version (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, artifact INTEGER NOT NULL,
    label TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
    created INTEGER NOT NULL, actor TEXT, UNIQUE (artifact, label)
  );
  CREATE TABLE metadata (
    version INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (version, key)
  ) WITHOUT ROWID;
  CREATE TABLE change (
    position INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT, version INTEGER, data TEXT
  );
`

export const openDatabase = (path: string): Database => {
  const database = new Sqlite(path)
  database.exec(schema)
  return database
}

/** Metadata of one of `versions` versions, set and noted as a change. */
export const sqliteMetadata = (
  name: string,
  database: Database,
  versions: number,
  valuesOf: (index: number) => object,
): Contender => {
  const set = database.prepare("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?)")
  const note = database.prepare("INSERT INTO change (time, actor, version, data) VALUES (?,?,?,?)")
  const log = database.transaction((index) => {
    const values = valuesOf(index)
    const version = index % versions
    for (const [key, value] of Object.entries(values)) set.run(version, key, JSON.stringify(value))
    note.run(Date.now(), "ann", version, JSON.stringify(values))
  })
  return { name, call: log }
}

/** A new version of one of `artifacts` artifacts, with its bytes and two metadata values. */
export const sqliteSaves = (
  name: string,
  database: Database,
  artifacts: number,
  smallValue: (index: number) => object,
): Contender => {
  const artifact = database.prepare("INSERT OR IGNORE INTO artifact VALUES (?, ?, NULL, ?)")
  const blob = database.prepare("INSERT OR IGNORE INTO blob VALUES (?, ?)")
  const version = database.prepare("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
  const set = database.prepare("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?)")
  const latest = database.prepare("UPDATE artifact SET latest = ?, updated = ? WHERE id = ?")
  const note = database.prepare("INSERT INTO change (time, actor, version, data) VALUES (?,?,?,?)")
  const save = database.transaction((index) => {
    const time = Date.now()
    const bytes = Buffer.from(JSON.stringify(smallValue(index)))
    const digest = createHash("sha256").update(bytes).digest()
    const of = index % artifacts
    const label = String(Math.floor(index / artifacts) + 1)
    artifact.run(of, `artifact-${of}`, time)
    blob.run(digest, bytes)
    version.run(index, `uid-${index}`, of, label, digest, bytes.length, time, "ann")
    set.run(index, "storage_size", String(bytes.length))
    set.run(index, "length", "3")
    latest.run(index, time, of)
    note.run(time, "ann", index, JSON.stringify({ artifact: of, label, size: bytes.length }))
  })
  return { name, call: save }
}

/**
 * What a naive ledger in memory holds after each event, and what calls may ask of it: plain lists,
 * searched from one end to the other.
 *
 * Shares no rule with the ledger: no command, fold, query or resolver of it is called here.
 */
import type { Metadata } from "../model/metadata.js"

/** `saved` is the position of the event that saved the version meant. */
export type Ref =
  | { readonly text: string }
  | { readonly saved: number; readonly as: "id" | "tail" }
  | { readonly planned: number }
export type Of = Ref | { readonly artifact: string }

export interface Expect {
  readonly position?: number
  readonly latest?: string | null
  readonly holder?: string | null
}

export type Meaning = { readonly exclusive?: boolean; readonly color?: "red" | "blue" }
type Checked = { readonly expect?: Expect }
type About = Checked & { readonly of: Of }

export interface Save extends Checked {
  readonly does: "save"
  readonly name: string
  readonly value: string
  readonly version?: string
  readonly tags?: ReadonlyArray<string>
  readonly metadata?: Metadata
  readonly inputs?: ReadonlyArray<{ readonly of: Ref; readonly as?: string }>
  readonly reuse?: "content"
}

export type Step =
  | Save
  | (About & { readonly does: "tag"; readonly tags: ReadonlyArray<string> })
  | (About & { readonly does: "untag"; readonly tags: ReadonlyArray<string> })
  | (Checked & { readonly does: "defineTag"; readonly name: string; readonly meaning: Meaning })
  | (About & { readonly does: "log"; readonly values: Metadata })
  | (About & { readonly does: "unlog"; readonly keys: ReadonlyArray<string> })
  | (About & { readonly does: "delete"; readonly force?: true })
  | (About & { readonly does: "restore" })
  | (About & { readonly does: "hold" })
  | (About & { readonly does: "release" })

export interface Call {
  readonly as: "one" | "saveAll" | "batch"
  readonly steps: ReadonlyArray<Step>
  readonly key?: string
  readonly actor?: string
}

export interface Version {
  readonly saved: number
  readonly of: string
  readonly label: string
  readonly value: string
  readonly time: number
  readonly actor: string | undefined
  readonly inputs: ReadonlyArray<{ readonly saved: number; readonly as?: string }>
  tags: ReadonlyArray<string>
  metadata: Metadata
  deleted: Mark | undefined
  held: Mark | undefined
  swept: Mark | undefined
}

/** The event that deleted, held or swept something. */
export interface Mark {
  readonly position: number
  readonly time: number
  readonly actor: string | undefined
}

export interface Artifact {
  readonly name: string
  readonly made: number
  readonly time: number
  updated: number
  /** The highest version number ever used. */
  counter: number
  tags: ReadonlyArray<string>
  metadata: Metadata
  deleted: Mark | undefined
  /** What was swept last of the versions that are hidden with it alone. */
  swept: Version | undefined
}

export interface Tag {
  readonly name: string
  readonly made: number
  readonly time: number
  exclusive: boolean
  color: "red" | "blue" | undefined
}

/** The whole ledger after one event. Things are called `artifact a`, `version 7`, `tag t`. */
export interface State {
  readonly position: number
  readonly time: number
  readonly artifacts: Array<Artifact>
  readonly versions: Array<Version>
  readonly tags: Array<Tag>
  /** The position of the last event about a thing. */
  readonly last: Record<string, number>
}

export interface Happening {
  readonly position: number
  readonly type: string
  readonly time: number
  readonly actor: string | undefined
  readonly key: string | undefined
  /** What it is about, with the position of the event before it about the same. */
  readonly about: Readonly<Record<string, number>>
  /** What it did to the metadata of the first of these; undefined where a key was removed. */
  readonly values: Readonly<Record<string, unknown>>
}

/** A refusal: the class of the error, and those of its fields that the model knows. */
export class Refused {
  readonly fields: Readonly<Record<string, unknown>>

  constructor(refused: string, fields: object = {}) {
    this.fields = { refused, ...fields }
  }
}

export const refuse = (refused: string, fields: object = {}): never => {
  throw new Refused(refused, fields)
}

export const copyOf = (state: State, time: number): State => ({
  position: state.position + 1,
  time,
  artifacts: state.artifacts.map((artifact) => ({ ...artifact })),
  versions: state.versions.map((version) => ({ ...version })),
  tags: state.tags.map((tag) => ({ ...tag })),
  last: { ...state.last },
})

export const artifactOf = ({ artifacts }: State, name: string): Artifact | undefined =>
  artifacts.find((artifact) => artifact.name === name)

export const versionsOf = ({ versions }: State, name: string): ReadonlyArray<Version> =>
  versions.filter(({ of }) => of === name)

export const tagOf = ({ tags }: State, name: string): Tag | undefined =>
  tags.find((tag) => tag.name === name)

/** The surviving version saved last. */
export const latestOf = (state: State, name: string): Version | undefined =>
  versionsOf(state, name).findLast(({ deleted }) => !deleted)

export const holdersOf = (state: State, name: string, tag: string): ReadonlyArray<Version> =>
  versionsOf(state, name).filter(({ tags }) => tags.includes(tag))

export interface Meant {
  readonly artifact: Artifact
  readonly version?: Version
}

const bySelector = (state: State, artifact: Artifact, selector: string, dead: boolean): Version => {
  const { name } = artifact
  const missing = (): never => refuse("VersionMissing", { artifact: name, selector })
  if (selector === "latest") return latestOf(state, name) ?? missing()
  const labelled = versionsOf(state, name).find(({ label }) => label === selector)
  if (labelled !== undefined) return labelled.deleted && !dead ? missing() : labelled
  const tag = tagOf(state, selector)
  if (tag?.exclusive === false) return refuse("InvalidReference")
  const [holder] = holdersOf(state, name, selector)
  return holder === undefined || holder.deleted ? missing() : holder
}

/** What is meant; `dead` says whether a deleted one may be. Throws what the ledger refuses. */
export const find = (state: State, of: Of, dead = false): Meant => {
  const named = (name: string): Artifact => {
    const artifact = artifactOf(state, name)
    if (artifact === undefined || (artifact.deleted && !dead))
      return refuse("ArtifactMissing", { artifact: name })
    return artifact
  }
  if ("artifact" in of) return { artifact: named(of.artifact) }
  if ("planned" in of) throw new Error("a planned version is meant inside its batch only")
  if ("text" in of) {
    const [name = "", selector = "latest"] = of.text.split("@")
    const artifact = named(name)
    return { artifact, version: bySelector(state, artifact, selector, dead) }
  }
  const version = state.versions.find(({ saved }) => saved === of.saved)
  // Not saved yet, at a past moment: a part of its id then looks like the name of an artifact.
  if (version === undefined) return refuse(of.as === "id" ? "VersionMissing" : "ArtifactMissing")
  const artifact = named(version.of)
  if (version.deleted && !dead)
    return refuse("VersionMissing", { artifact: version.of, selector: `version ${of.saved}` })
  return { artifact, version }
}

/** Whether an artifact is deleted, and so are all that are in it. */
export const isHidden = (state: State, name: string): boolean =>
  artifactOf(state, name)?.deleted !== undefined

/** Surviving versions that were made from what is meant. */
export const consumersOf = (state: State, { artifact, version }: Meant): ReadonlyArray<Version> =>
  state.versions.filter(
    (by) =>
      !by.deleted &&
      !isHidden(state, by.of) &&
      (version !== undefined
        ? by.inputs.some(({ saved }) => saved === version.saved)
        : by.of !== artifact.name &&
          by.inputs.some(({ saved }) =>
            versionsOf(state, artifact.name).some((one) => one.saved === saved && !one.deleted),
          )),
  )

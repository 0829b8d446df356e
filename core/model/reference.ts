/**
 * References: the ways to say which version is meant, taken apart but not yet looked up.
 *
 * `name`, `name@selector`, an id, part of an id, `{ name, version }`, `{ id }`. Whether a bare
 * string is a name or an id is decided by what exists, so it stays open here.
 */
import type { Id } from "./names.js"
import { artifactNameProblem, tagNameProblem, toId, versionLabelProblem } from "./names.js"

/** What callers write. Always means one version. */
export type Reference =
  | string
  | { readonly name: string; readonly version?: string | number | undefined }
  | { readonly id: string }

/** What tags, metadata, history and deletion may be about. */
export type Target = Reference | { readonly artifact: string } | { readonly tag: string }

export type ParsedReference =
  /** A bare string: an artifact's name first, then an id or a part of one. */
  | { readonly by: "text"; readonly text: string }
  | { readonly by: "selector"; readonly name: string; readonly selector: string }
  | { readonly by: "latest"; readonly name: string }
  | { readonly by: "id"; readonly id: Id }

export type ParsedTarget =
  | { readonly kind: "version"; readonly reference: ParsedReference }
  | { readonly kind: "artifact"; readonly name: string }
  | { readonly kind: "tag"; readonly name: string }

/** The reference to a version whose id is known. */
export const byId = (id: Id): ParsedReference => ({ by: "id", id })

export interface ReferenceProblem {
  readonly problem: string
  readonly reference: string
}

export const isProblem = (parsed: object): parsed is ReferenceProblem => "problem" in parsed

/** A reference as a person would write it, for messages; never parsed again. */
export const printReference = (reference: unknown): string => {
  if (typeof reference === "function") return "a function"
  if (typeof reference !== "object" || reference === null) return String(reference).slice(0, 600)
  const { id, name, version, artifact, tag } = reference as Record<string, unknown>
  const selected = typeof version === "string" || typeof version === "number"
  const text =
    id ?? (selected && typeof name === "string" ? `${name}@${version}` : name) ?? artifact ?? tag
  return typeof text === "string" ? text.slice(0, 600) : "an object of no known form"
}

const keysAre = (value: object, ...allowed: ReadonlyArray<string>): boolean =>
  Object.keys(value).every((key) => allowed.includes(key))

const named = (
  name: string,
  selector: string,
  whole: string,
): ParsedReference | ReferenceProblem => {
  const nameProblem = artifactNameProblem(name)
  if (nameProblem !== undefined) return { problem: `the name ${nameProblem}`, reference: whole }
  if (selector === "latest") return { by: "latest", name }
  const problem = versionLabelProblem(selector)
  if (problem !== undefined) return { problem: `the version ${problem}`, reference: whole }
  return { by: "selector", name, selector }
}

const parseText = (text: string): ParsedReference | ReferenceProblem => {
  const id = toId(text)
  if (id !== undefined) return { by: "id", id }
  const at = text.indexOf("@")
  if (at >= 0) return named(text.slice(0, at), text.slice(at + 1), text)
  const problem = artifactNameProblem(text)
  return problem === undefined
    ? { by: "text", text }
    : { problem: `it ${problem}`, reference: text }
}

const parseRecord = (record: Record<string, unknown>): ParsedReference | ReferenceProblem => {
  const reference = printReference(record)
  const { id, name, version } = record
  if (typeof id === "string") {
    const whole = toId(id)
    return whole === undefined
      ? { problem: "the id is not a ULID", reference }
      : { by: "id", id: whole }
  }
  if (typeof name !== "string" || !keysAre(record, "name", "version"))
    return { problem: "it is neither { name, version } nor { id }", reference }
  if (version === undefined) {
    const problem = artifactNameProblem(name)
    return problem === undefined
      ? { by: "latest", name }
      : { problem: `the name ${problem}`, reference }
  }
  if (typeof version !== "string" && typeof version !== "number")
    return { problem: "the version is neither a string nor a number", reference }
  return named(name, String(version), reference)
}

export const parseReference = (reference: unknown): ParsedReference | ReferenceProblem => {
  if (typeof reference === "string") return parseText(reference)
  if (typeof reference === "object" && reference !== null && !Array.isArray(reference))
    return parseRecord(reference as Record<string, unknown>)
  return { problem: "it is neither a string nor an object", reference: printReference(reference) }
}

export const parseTarget = (target: unknown): ParsedTarget | ReferenceProblem => {
  if (typeof target === "object" && target !== null) {
    const { artifact, tag } = target as Record<string, unknown>
    if (typeof artifact === "string" && keysAre(target, "artifact")) {
      const problem = artifactNameProblem(artifact)
      return problem === undefined
        ? { kind: "artifact", name: artifact }
        : { problem: `the name ${problem}`, reference: printReference(target) }
    }
    if (typeof tag === "string" && keysAre(target, "tag")) {
      const problem = tagNameProblem(tag)
      return problem === undefined
        ? { kind: "tag", name: tag }
        : { problem: `the tag ${problem}`, reference: printReference(target) }
    }
  }
  const reference = parseReference(target)
  return isProblem(reference) ? reference : { kind: "version", reference }
}

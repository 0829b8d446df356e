/**
 * The branded RelativePath and every rule of entry names inside a Tree.
 *
 * Past this check no other form exists: `/` separates, nothing climbs,
 * nothing is absolute on any system. Opens nothing: that is the work of the directory room.
 */
import { nameBytesMax, pathBytesMax, pathDepthMax } from "../limits.js"
import { utf8Bytes } from "./names.js"

export type RelativePath = string & { readonly RelativePath: unique symbol }

const forbidden = /[\u0000-\u001f\u007f\\]/
const drive = /^[A-Za-z]:/

const componentProblem = (component: string): string | undefined => {
  if (component === "") return "has an empty component"
  if (component === "." || component === "..") return `has the component ${component}`
  if (utf8Bytes(component) > nameBytesMax) return `has a component above ${nameBytesMax} bytes`
  return undefined
}

/** Why a string cannot be the path of an entry, or undefined. */
export const pathProblem = (text: string): string | undefined => {
  if (text === "") return "is empty"
  if (!text.isWellFormed()) return "contains half of a surrogate pair, which no UTF-8 can hold"
  if (utf8Bytes(text) > pathBytesMax) return `is longer than ${pathBytesMax} bytes`
  if (text.normalize("NFC") !== text) return "is not in Unicode normalization form C"
  if (forbidden.test(text)) return "contains a control character or a back-slash"
  if (text.startsWith("/") || drive.test(text)) return "is absolute"
  const components = text.split("/")
  if (components.length > pathDepthMax) return `is deeper than ${pathDepthMax} components`
  for (const component of components) {
    const problem = componentProblem(component)
    if (problem !== undefined) return problem
  }
  return undefined
}

export const isRelativePath = (text: string): text is RelativePath =>
  pathProblem(text) === undefined

/** For paths that this program writes itself; a bad one is a defect. */
export const relativePath = (text: string): RelativePath => {
  if (isRelativePath(text)) return text
  throw new Error(`the path ${JSON.stringify(text)} ${pathProblem(text)}`)
}

/** A path within a directory, as its directory and the name there. */
export const splitPath = (path: string): { readonly below: string; readonly name: string } => {
  const cut = path.lastIndexOf("/")
  return { below: path.slice(0, Math.max(cut, 0)), name: path.slice(cut + 1) }
}

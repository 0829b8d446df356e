/**
 * The one walk over a value: finds the first part that would not come back.
 *
 * It reads own data properties by their descriptors, so no getter of a part runs and no proxy is
 * asked: what was walked is what will be written, as long as both happen in one go. Depth and size
 * are bounded before they are followed, which also ends cycles and values that share their parts
 * without end.
 */
import { types } from "node:util"
import { shownNameLengthMax, valueBytesMax, valueDepthMax } from "../limits.js"
import { entryStep, type Flaw, flaw, stepTo, within } from "./flaw.js"
import { isNdArray, NdArray } from "./ndarray.js"
import {
  disguised,
  hasSlots,
  keyProblem,
  listFlaw,
  notPlainProperty,
  plainProperty,
  scalarProblem,
} from "./plain.js"
import { bigText, isBig } from "./tokens.js"
import { kindOf } from "./typed-array.js"

/** `json`: what JSON gives back exactly. `structured`: that, and JavaScript's built-in types. */
type Notation = "json" | "structured"

const className = (prototype: unknown): string => {
  try {
    const name: unknown = Object(Object(prototype).constructor).name
    return typeof name === "string" && name !== "" ? name.slice(0, shownNameLengthMax) : "class"
  } catch {
    return "class"
  }
}

// The least that a value takes in memory: a slot for each part, a header for each container.
const slotBytes = 8
const headerBytes = 48

// A smaller container is walked again in less time than it takes to remember it.
const rememberBytes = 65_536

class FlawSearch {
  readonly structured: boolean
  /** Lower bound of the loaded size, in bytes; shared parts count each time. */
  size = 0
  /** Size and depth of large containers, so that they are walked once however often they occur. */
  readonly known = new Map<object, { readonly size: number; readonly depth: number }>()

  constructor(notation: Notation) {
    this.structured = notation === "structured"
  }

  visit(value: unknown, depth: number): Flaw | undefined {
    if (typeof value === "object" && value !== null) return this.visitContainer(value, depth + 1)
    this.size += typeof value === "string" ? slotBytes + value.length : slotBytes
    if (this.size > valueBytesMax) return this.tooLarge()
    if (this.structured) {
      if (typeof value === "number" || value === undefined) return undefined
      if (typeof value === "bigint")
        return isBig(value) ? this.add(bigText(value).length) : undefined
    }
    const problem = scalarProblem(value)
    return problem === undefined ? undefined : flaw(problem)
  }

  visitContainer(value: object, depth: number): Flaw | undefined {
    const known = this.known.get(value)
    if (known !== undefined && depth <= known.depth) return this.add(known.size)
    const before = this.size
    this.size += slotBytes + headerBytes
    if (this.size > valueBytesMax) return this.tooLarge()
    const found = this.visitObject(value, depth)
    const size = this.size - before
    if (size > rememberBytes) this.known.set(value, { size, depth })
    return found
  }

  visitObject(value: object, depth: number): Flaw | undefined {
    if (depth > valueDepthMax)
      return flaw(`is nested more than ${valueDepthMax} deep`, {
        name: "valueDepthMax",
        allowed: valueDepthMax,
        actual: depth,
      })
    if (types.isProxy(value)) return flaw("is a proxy")
    const prototype: unknown = Object.getPrototypeOf(value)
    if (Array.isArray(value) && prototype === Array.prototype) return this.visitList(value, depth)
    if (prototype === Object.prototype) return this.visitRecord(value, depth)
    if (!this.structured) return instance(prototype)
    return this.visitBuiltIn(value, prototype, depth)
  }

  visitList(list: ReadonlyArray<unknown>, depth: number): Flaw | undefined {
    const outer = listFlaw(list)
    if (outer !== undefined) return outer
    for (let index = 0; index < list.length; index += 1) {
      const found = this.visit(list[index], depth)
      if (found !== undefined) return within(found, list, `[${index}]`)
    }
    return undefined
  }

  visitRecord(record: object, depth: number): Flaw | undefined {
    if (hasSlots(record)) return flaw(disguised)
    for (const key of Object.getOwnPropertyNames(record)) {
      const property = plainProperty(record, key)
      const problem = property === undefined ? notPlainProperty : keyProblem(key)
      const found = problem === undefined ? this.visit(property?.value, depth) : flaw(problem)
      if (found !== undefined) return within(found, record, stepTo(key))
    }
    return Object.getOwnPropertySymbols(record).length > 0 ? flaw("has a symbol key") : undefined
  }

  /** The prototype decides; `node:util` then confirms it by the internal slots. */
  visitBuiltIn(value: object, prototype: unknown, depth: number): Flaw | undefined {
    if (prototype === null) return this.visitRecord(value, depth)
    if (ArrayBuffer.isView(value))
      return kindOf(value) === undefined ? instance(prototype) : this.add(value.byteLength)
    if (prototype === NdArray.prototype) return this.visitNdArray(value)
    const known =
      (types.isDate(value) && prototype === Date.prototype) ||
      (types.isMap(value) && prototype === Map.prototype) ||
      (types.isSet(value) && prototype === Set.prototype) ||
      (types.isArrayBuffer(value) && prototype === ArrayBuffer.prototype)
    if (!known) return instance(prototype)
    if (Reflect.ownKeys(value).length > 0) return instance(prototype, " with properties of its own")
    if (types.isMap(value)) return this.visitMap(value, depth)
    if (types.isSet(value)) return this.visitSet(value, depth)
    return types.isArrayBuffer(value) ? this.add(value.byteLength) : undefined
  }

  visitNdArray(value: object): Flaw | undefined {
    if (Reflect.ownKeys(value).length === 2 && isNdArray(value))
      return this.add(value.data.byteLength)
    return flaw("is an ndarray whose shape does not hold its data")
  }

  visitMap(map: ReadonlyMap<unknown, unknown>, depth: number): Flaw | undefined {
    let index = 0
    for (const [key, value] of map) {
      const inKey = this.visit(key, depth)
      if (inKey !== undefined) return within(inKey, map, `<key ${index}>`)
      const inValue = this.visit(value, depth)
      if (inValue !== undefined) return within(inValue, map, entryStep(key, index))
      index += 1
    }
    return undefined
  }

  visitSet(set: ReadonlySet<unknown>, depth: number): Flaw | undefined {
    let index = 0
    for (const member of set) {
      const found = this.visit(member, depth)
      if (found !== undefined) return within(found, set, `<member ${index}>`)
      index += 1
    }
    return undefined
  }

  add(bytes: number): Flaw | undefined {
    this.size += bytes
    return this.size > valueBytesMax ? this.tooLarge() : undefined
  }

  tooLarge(): Flaw {
    return flaw("makes the value too large to be turned into files", {
      name: "valueBytesMax",
      allowed: valueBytesMax,
      actual: this.size,
    })
  }
}

const vowel = /^[AEIOU]/

const instance = (prototype: unknown, detail = ""): Flaw => {
  const name = className(prototype)
  if (name === "Object") return flaw("is an object with a prototype of its own")
  return flaw(`is ${vowel.test(name) ? "an" : "a"} ${name} instance${detail}`)
}

/** The first part that would not come back from this notation, or `undefined`. */
export const findFlaw = (value: unknown, notation: Notation): Flaw | undefined => {
  try {
    return new FlawSearch(notation).visit(value, 0)
  } catch {
    // The caller's stack may be deep already, and less deep values overflow it then.
    return flaw("throws while it is read")
  }
}

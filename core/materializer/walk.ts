/**
 * The one walk over a value, which finds the first part that a form of files could not give back.
 *
 * It reads own data properties by their descriptors, so no getter runs and no proxy is asked: what
 * was walked is what will be written, as long as both happen in one go. Depth and size are bounded
 * before they are followed, which also ends cycles and values that share themselves without end.
 */
import { types } from "node:util"
import { valueBytesMax, valueDepthMax } from "../limits.js"
import { entryStep, type Flaw, flaw, stepTo, within } from "./flaw.js"
import { isNdArray, NdArray } from "./ndarray.js"
import { bigText, isBig } from "./tokens.js"
import { kindOf } from "./typed-array.js"

/** `json`: what JSON gives back exactly. `structured`: that, and JavaScript's built-in types. */
export type Form = "json" | "structured"

const loneSurrogate = "half of a surrogate pair, which no UTF-8 can hold"

/** Why a scalar is not one of JSON that comes back as it is, or `undefined`. */
export const scalarProblem = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? undefined : `contains ${loneSurrogate}`
    case "number":
      if (!Number.isFinite(value)) return `is ${value}, which JSON lacks`
      return Object.is(value, -0) ? "is -0, which JSON lacks" : undefined
    case "boolean":
      return undefined
    case "undefined":
      return "is undefined, which JSON lacks"
    case "bigint":
      return "is a bigint, which JSON lacks"
    case "object":
      return value === null ? undefined : "is no scalar"
    default:
      return `is a ${typeof value}`
  }
}

/** Why a key of a record cannot be kept, or `undefined`. */
export const keyProblem = (key: string): string | undefined => {
  if (key === "__proto__") return "is a reserved key"
  return key.isWellFormed() ? undefined : `has a key with ${loneSurrogate}`
}

/** An own, enumerable property that is no accessor, as its descriptor; else `undefined`. */
export const plainProperty = (record: object, key: string): { value?: unknown } | undefined => {
  const property = Object.getOwnPropertyDescriptor(record, key)
  if (property === undefined || property.enumerable !== true) return undefined
  return property.get === undefined && property.set === undefined ? property : undefined
}

/** An object literal or its like: of no class, behind no proxy, without symbol keys. */
export const isPlainRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  !types.isProxy(value) &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.getOwnPropertySymbols(value).length === 0

/** A list of no subclass and behind no proxy. */
export const isPlainList = (value: unknown): value is ReadonlyArray<unknown> =>
  !types.isProxy(value) && Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype

/**
 * Why a plain list is more or less than its elements, or `undefined`. Hidden named properties, as
 * template strings have them, are not looked for: naming all properties costs more than saving.
 */
export const listFlaw = (list: ReadonlyArray<unknown>): Flaw | undefined => {
  if (Object.getOwnPropertySymbols(list).length > 0) return flaw("has a symbol key")
  // Unlike keys, values cost no string for each element.
  if (Object.values(list).length === list.length) return undefined
  const hole = list.findIndex((_, index) => !(index in list))
  if (hole >= 0) return within(flaw("is a hole in a list"), list, `[${hole}]`)
  // Elements come first, and none is missing.
  const name = Object.keys(list)[list.length]
  if (name === undefined) return flaw("is a list with hidden elements")
  return within(flaw("is a named property of a list"), list, stepTo(name))
}

const className = (prototype: unknown): string => {
  try {
    const name: unknown = Object(Object(prototype).constructor).name
    return typeof name === "string" && name !== "" ? name.slice(0, 64) : "class"
  } catch {
    return "class"
  }
}

// What a value takes in memory, at least: a slot for each part, and a head for each container.
const slotBytes = 8
const headBytes = 48

// Smaller containers are walked again faster than they are remembered.
const rememberBytes = 65_536

class Walk {
  readonly structured: boolean
  /** Of the value when it comes back, where what is shared now is written twice. At least. */
  size = 0
  /** What large containers took, and how deep they were: where they occur again they are known. */
  readonly known = new Map<object, { readonly size: number; readonly depth: number }>()

  constructor(form: Form) {
    this.structured = form === "structured"
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
    this.size += slotBytes + headBytes
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
    for (const key of Object.getOwnPropertyNames(record)) {
      const property = plainProperty(record, key)
      const problem = property === undefined ? "is a getter or not enumerable" : keyProblem(key)
      const found = problem === undefined ? this.visit(property?.value, depth) : flaw(problem)
      if (found !== undefined) return within(found, record, stepTo(key))
    }
    return Object.getOwnPropertySymbols(record).length > 0 ? flaw("has a symbol key") : undefined
  }

  /** The prototype decides, and the internal slots that `node:util` sees confirm it. */
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

/** The first flaw of the value in this form, or `undefined` when it comes back exactly. */
export const findFlaw = (value: unknown, form: Form): Flaw | undefined => {
  try {
    return new Walk(form).visit(value, 0)
  } catch {
    // Elements of a list may still be getters, and the caller's stack may be deep already.
    return flaw("throws while it is read")
  }
}

/**
 * What is plain: scalars of JSON, lists that are their elements and nothing more, records that are
 * their properties. Each check says in words what is wrong, or answers `undefined`.
 *
 * Reads descriptors, so it runs no trap of a proxy and no getter but a named one of a list, which
 * is refused then. Looks at one level of a value; what lies below is for the walk.
 */
import { types } from "node:util"
import { type Flaw, flaw, stepTo, within } from "./flaw.js"

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
      return value === null ? undefined : "is not a scalar"
    default:
      return `is a ${typeof value}`
  }
}

/** Why a key of a record cannot be kept, or `undefined`. */
export const keyProblem = (key: string): string | undefined => {
  if (key === "__proto__") return "is a reserved key"
  return key.isWellFormed() ? undefined : `has a key with ${loneSurrogate}`
}

/** Said of a property that is there, and that `plainProperty` does not give. */
export const notPlainProperty = "is a getter or not enumerable"

/** The descriptor of an own, enumerable property that is not an accessor, or `undefined`. */
export const plainProperty = (
  owner: object,
  key: string | number,
): { readonly value?: unknown } | undefined => {
  const property = Object.getOwnPropertyDescriptor(owner, key)
  if (property === undefined || property.enumerable !== true) return undefined
  return property.get === undefined && property.set === undefined ? property : undefined
}

const hasKeys = (value: object): boolean => {
  for (const _ in value) return true
  return false
}

/**
 * Whether an object holds more than its properties, although its prototype is that of a record or
 * missing. Each test asks for an internal slot, which no prototype can hide; the tag tells Date,
 * RegExp, Error and boxed scalars. Private fields of classes cannot be seen by anyone.
 */
export const hasSlots = (value: object): boolean =>
  ArrayBuffer.isView(value) ||
  types.isMap(value) ||
  types.isSet(value) ||
  types.isAnyArrayBuffer(value) ||
  (Object.prototype.toString.call(value) !== "[object Object]" &&
    !Object.hasOwn(value, Symbol.toStringTag)) ||
  // Nothing can be read out of these: they only must not pass for an empty record.
  (!hasKeys(value) && (types.isPromise(value) || types.isWeakMap(value) || types.isWeakSet(value)))

/** Said of an object for which `hasSlots` is true. */
export const disguised = "is a built-in object whose prototype was replaced"

/** An object literal or its like: no class instance, no proxy, without symbol keys. */
export const isPlainRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  !types.isProxy(value) &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.getOwnPropertySymbols(value).length === 0 &&
  !hasSlots(value)

/** A list that is neither of a subclass nor a proxy. */
export const isPlainList = (value: unknown): value is ReadonlyArray<unknown> =>
  !types.isProxy(value) && Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype

/** How many enumerable properties a list has; NaN if a named getter throws, as it runs here. */
const valueCount = (list: ReadonlyArray<unknown>): number => {
  try {
    // Unlike keys, values cost no string for each element.
    return Object.values(list).length
  } catch {
    return Number.NaN
  }
}

/**
 * Why a plain list is more or less than its elements, or `undefined`. Hidden named properties, as
 * template strings have them, are not looked for: naming all properties costs more than saving.
 */
export const listFlaw = (list: ReadonlyArray<unknown>): Flaw | undefined => {
  if (Object.getOwnPropertySymbols(list).length > 0) return flaw("has a symbol key")
  for (let index = 0; index < list.length; index += 1)
    if (plainProperty(list, index) === undefined) {
      const isHole = !Object.hasOwn(list, index)
      return within(flaw(isHole ? "is a hole in a list" : notPlainProperty), list, `[${index}]`)
    }
  // All elements are enumerable by now, so what is beyond their number is a named property.
  if (valueCount(list) === list.length) return undefined
  // Integer keys come first.
  const name = Object.keys(list)[list.length] ?? ""
  return within(flaw("is a named property of a list"), list, stepTo(name))
}

/**
 * An event as one line for people: "ann moved production of churn from 6 to 7: fairness review".
 */
import type { Codec } from "./codec.js"
import type { Recorded } from "./event.js"

const unknownSentence = ({ type }: Recorded): string => `recorded ${type}`

// What breaks a line, moves a terminal's cursor or turns the direction of what follows.
const unprintable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Callers' texts could otherwise pass for other lines of a log, or for commands to a terminal. */
const printable = (text: string): string =>
  text.replace(unprintable, (c) => `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`)

/** The sentence of an event, without its time and position: one line of printable text. */
export const formatEvent = (codec: Codec, event: Recorded): string => {
  const type = codec.typeOf(event.type)
  const predicate =
    type === undefined || codec.isNewer(event)
      ? unknownSentence(event)
      : type.sentence(event.data as never, event as never)
  const reason = event.reason === undefined ? "" : `: ${event.reason}`
  return printable(`${event.actor ?? "someone"} ${predicate}${reason}`)
}

/**
 * An event as one line for people: "ann moved production of churn from 6 to 7: fairness review".
 */
import type { Codec } from "./codec.js"
import type { Recorded } from "./event.js"

const unknownSentence = ({ type }: Recorded): string => `recorded ${type}`

/** The sentence of an event, without its time and position. */
export const formatEvent = (codec: Codec, event: Recorded): string => {
  const type = codec.typeOf(event.type)
  const predicate =
    type === undefined || codec.isNewer(event)
      ? unknownSentence(event)
      : type.sentence(event.data as never, event as never)
  const reason = event.reason === undefined ? "" : `: ${event.reason}`
  return `${event.actor ?? "someone"} ${predicate}${reason}`
}

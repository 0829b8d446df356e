/**
 * The operations about room: what content takes, why it stays, and giving it back.
 */
import type { LedgerApi } from "./api.js"
import type { Session } from "./submit.js"
import { sweep } from "./sweep.js"
import { usage } from "./usage.js"
import { whyKept } from "./why-kept.js"

type Space = Pick<LedgerApi<"effect">, "sweep" | "usage" | "whyKept">

export const makeSpace = (session: Session): Space => ({
  sweep: sweep(session),
  usage: usage(session.engine),
  whyKept: whyKept(session.engine),
})

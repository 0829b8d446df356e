/**
 * The operations about what is stored: what it takes, why it stays, whether it is whole, and giving
 * it back.
 */
import type { LedgerApi } from "./api.js"
import type { Session } from "./submit.js"
import { sweep } from "./sweep.js"
import { usage } from "./usage.js"
import { verify } from "./verify.js"
import { whyKept } from "./why-kept.js"

type Space = Pick<LedgerApi<"effect">, "sweep" | "usage" | "verify" | "whyKept">

export const makeSpace = (session: Session): Space => ({
  sweep: sweep(session),
  usage: usage(session.engine),
  verify: verify(session.engine),
  whyKept: whyKept(session.engine),
})

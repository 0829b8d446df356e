import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { checkApart } from "./apart.js"
import { temporary } from "./places.contract.js"

const check = (directory: string, place: string) =>
  Effect.runPromise(checkApart(directory, place, "options.into"))

describe("a place for another ledger", () => {
  it("is not the directory of a ledger, nor in it, however it is named", async () => {
    const root = temporary()
    const [ledger, link] = [join(root, "ledger"), join(root, "link")]
    mkdirSync(ledger)
    symlinkSync(ledger, link)
    for (const place of [ledger, link, join(link, "a", "b"), join(root, "x", "..", "ledger", "a")])
      await expect(check(ledger, place)).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "options.into",
        message: `options.into lies in ${ledger}, which stays as it is: choose another place`,
      })
    await expect(check(link, join(ledger, "a"))).rejects.toMatchObject({ _tag: "InvalidInput" })
  })

  it("is beside it, also under a name that begins as its own", async () => {
    const root = temporary()
    const ledger = join(root, "ledger")
    mkdirSync(ledger)
    for (const place of [root, `${ledger}-2`, join(root, "other", "ledger")])
      expect(await check(ledger, place)).toBeUndefined()
  })
})

import { join } from "node:path"
import { ledgerContract } from "./ledger.contract.js"
import { temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

ledgerContract("memory", () => openLedger({ memory: true }))
ledgerContract("a directory", () => openLedger(join(temporary(), "ledger")))
ledgerContract("a directory, buffered", () =>
  openLedger({ directory: join(temporary(), "ledger"), durability: "buffered" }),
)

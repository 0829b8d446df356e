/**
 * Ledgers of this process: the laws, in a directory and in memory, and the options that open them.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { layoutOf } from "./layout.js"
import { ledgerContract } from "./ledger.contract.js"
import { opened, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"
import { pruneContract } from "./prune.contract.js"
import { type Expected, hostile, invalid, offences, throwing } from "./refused.contract.js"

ledgerContract("memory", () => openLedger({ memory: true }))
ledgerContract("a directory", () => openLedger(join(temporary(), "ledger")))
pruneContract("memory", () => openLedger({ memory: true }))
pruneContract("a directory", () => openLedger(join(temporary(), "ledger")))

describe("openLedger", () => {
  it("refuses options that are none before anything is made", async () => {
    const directory = join(temporary(), "ledger")
    const bad: Readonly<Record<string, readonly [Expected, unknown]>> = {
      "none at all": ["options", undefined],
      null: ["options", null],
      "no place": ["options.directory", {}],
      "no name of a place": ["options.directory", ""],
      "two places": ["options.directory", { directory, memory: true }],
      "one unknown": ["options.durable", { directory, durable: true }],
      "another durability": ["options.durability", { directory, durability: "sometimes" }],
      "a directory that is no text": ["options.directory", { directory: 5 }],
      "create neither true nor false": ["options.create", { directory, create: "no" }],
      "a bad actor": [invalid, { directory, actor: 5 }],
      "a bad context": [invalid, { directory, context: { who: "ann" } }],
      "a context that is none": [invalid, { directory, context: 5 }],
      "a requirement nobody can meet": [
        "options.requireContext",
        { directory, requireContext: ["who"] },
      ],
      "requirements that are none": [
        "options.requireContext",
        { directory, requireContext: "actor" },
      ],
      "events that are none": ["options.events[0]", { directory, events: [{}] }],
      "commands that are none": ["options.commands", { directory, commands: 5 }],
      "projections that are none": ["options.projections[0]", { directory, projections: [null] }],
      "materializers that are none": [
        "options.materializers[0]",
        { directory, materializers: [5] },
      ],
      "a number of bytes that is none": [
        "options.memory.bytesMax",
        { memory: { bytesMax: "all" } },
      ],
      "memory that throws": ["options.memory", { memory: hostile() }],
      "no bytes": ["options.memory.bytesMax", { memory: { bytesMax: 0 } }],
      "a throwing getter": ["options.directory", throwing("directory")],
      "a hostile proxy": ["options", hostile()],
    }
    const calls = Object.entries(bad).map(
      ([name, [expected, options]]) =>
        [name, [expected, () => openLedger(options as never)]] as const,
    )
    expect(await offences(Object.fromEntries(calls))).toEqual([])
    expect(existsSync(directory)).toBe(false)
  })

  it("makes the folders on the way, and nothing beside the ledger", async () => {
    const parent = temporary()
    await opened(join(parent, "a", "b", "ledger"))
    expect(readdirSync(parent)).toEqual(["a"])
    expect(readdirSync(join(parent, "a", "b"))).toEqual(["ledger"])
  })

  it("finds the ledger again by any spelling of its path", async () => {
    const parent = temporary()
    const first = await openLedger(join(parent, "ledger"))
    await first.save("a", 1)
    await first.close()
    vi.spyOn(process, "cwd").mockReturnValue(parent)
    const again = await opened({ directory: "./x/../ledger", create: false })
    vi.restoreAllMocks()
    expect(again.trust.ledger).toBe(first.trust.ledger)
    expect(await again.load("a")).toBe(1)
  })

  it("makes none where it is told not to", async () => {
    const directory = join(temporary(), "ledger")
    await expect(openLedger({ directory, create: false })).rejects.toMatchObject({
      _tag: "WrongLedger",
      kind: "corrupt",
      message: expect.stringContaining(directory),
    })
    expect(existsSync(directory)).toBe(false)
  })

  it("lets events carry the actor, and the rest of the context", async () => {
    const context = { correlationId: "c", actor: "overridden" }
    const ledger = await opened({ memory: true, actor: "ann", context })
    const plain = await opened({ memory: true, actor: "ann" })
    expect((await ledger.save("a", 1)).actor).toBe("overridden")
    expect((await plain.save("a", 1)).actor).toBe("ann")
    for await (const event of ledger.replay({ after: 1 })) expect(event).toMatchObject(context)
  })
})

describe("closing", () => {
  it("through a ledger with another context closes the one ledger there is", async () => {
    const directory = join(temporary(), "ledger")
    const ledger = await openLedger(directory)
    const ann = ledger.with({ actor: "ann" })
    await ann.save("a", 1)
    await ann.close()
    await expect(ledger.get("a")).rejects.toMatchObject({ _tag: "LedgerClosed" })
    expect((await (await opened(directory)).get("a")).actor).toBe("ann")
  })

  it("comes after what was only half read", async () => {
    const ledger = await openLedger(join(temporary(), "ledger"))
    await ledger.save("a", randomBytes(1_000_000))
    await ledger.save("b", 1)
    const archive = await ledger.zip("a")
    const readings = [ledger.replay(), ledger.open("a"), archive.stream(), ledger.versions()]
    for (const reading of readings) {
      let count = 0
      for await (const one of reading) {
        expect(one).toBeDefined()
        count += 1
        if (count === 1) break
      }
      expect(await reading[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
    }
    await ledger.close()
  })

  it.each([
    ["bytes that are known", 1_000],
    ["no bytes at all", 0],
  ])("ends a save of endless %s, which are there at once", async (_, length) => {
    const ledger = await openLedger({ memory: true })
    await ledger.save("zeros", new Uint8Array(4_000_000))
    let returned = false
    const endless = (async function* () {
      try {
        for (;;) yield await Promise.resolve(new Uint8Array(length))
      } finally {
        returned = true
      }
    })()
    const saving = ledger.save("a", endless)
    await ledger.save("b", 1)
    await Promise.all([
      expect(saving).rejects.toMatchObject({ _tag: "LedgerClosed" }),
      ledger.close(),
    ])
    expect(returned).toBe(true)
  })
})

describe("durability", () => {
  it.each(["synced", "buffered"] as const)(
    "%s: what was acknowledged is there again",
    async (how) => {
      const directory = join(temporary(), "ledger")
      const ledger = await openLedger({ directory, durability: how })
      const versions = await Promise.all([1, 2, 3].map((n) => ledger.save("a", n)))
      const { root } = ledger.trust
      await ledger.close()
      const again = await opened({ directory, durability: how })
      expect(again.trust).toMatchObject({ position: 4, sealed: 4, checked: 0, damaged: [] })
      expect(again.trust.root).not.toBe(root)
      expect(await Promise.all(versions.map(({ id }) => again.get(id)))).toEqual(versions)
      expect(existsSync(layoutOf(directory).tip)).toBe(true)
    },
  )
})

describe("a ledger in memory", () => {
  it("is gone when it is closed", async () => {
    const first = await openLedger({ memory: true })
    await first.save("a", 1)
    await first.close()
    const second = await opened({ memory: true })
    expect(await second.findArtifact("a")).toBeUndefined()
    expect(second.trust.ledger).not.toBe(first.trust.ledger)
  })

  it("takes as many bytes as it is told, and goes on below that", async () => {
    const ledger = await opened({ memory: { bytesMax: 100_000 } })
    await expect(ledger.save("large", randomBytes(200_000))).rejects.toMatchObject({
      kind: "unavailable",
      reason: "full",
      outcome: "none",
    })
    expect(ledger.position).toBe(1)
    expect((await ledger.save("small", 1)).position).toBe(2)
  })
})

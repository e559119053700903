/** `npm run bench`: Selvedge beside a bare Worker, in one workerd, over the same rows. See `bench/README.md`. */

import { fork } from "node:child_process"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { PROJECT_ROOT } from "../scripts/local-env.ts"
import { type Cell, cells, checkCell } from "./lib/cells.ts"
import { cpuMs } from "./lib/cpu.ts"
import { deferredTable, measureDeferred } from "./lib/deferred.ts"
import type { LoadOrder, LoadResult } from "./lib/load.ts"
import { type CellResult, summarise, table } from "./lib/report.ts"
import { seed } from "./lib/seed.ts"
import { startServer } from "./lib/server.ts"

const RESULTS = join(PROJECT_ROOT, "bench/results.json")

const { values: flags } = parseArgs({
  options: {
    /** About 40 seconds instead of three minutes. */
    quick: { type: "boolean", default: false },
    /** Without Miniflare's own Worker in front. */
    direct: { type: "boolean", default: false },
    /** One measure: get, list, expand, create, caller, rows or deferred. */
    only: { type: "string" },
  },
})
/** Many short rounds: other work on the machine then weighs on all that is compared. */
const times = flags.quick ? { rounds: 4, warmUpMs: 300, sliceMs: 250 } : { rounds: 11, warmUpMs: 1_000, sliceMs: 400 }

const sizes = flags.quick
  ? { samples: 30, backlogs: [2_000, 10_000, 20_000], reactions: 500, jobs: 500 }
  : { samples: 300, backlogs: [10_000, 50_000, 100_000], reactions: 5_000, jobs: 5_000 }

const server = await startServer(flags.direct)
const load = fork(join(import.meta.dirname, "lib/load.ts"), { stdio: "inherit" })
try {
  const seeded = await seed(server)
  const measured = cells(seeded).filter(({ measure }) => !flags.only || measure === flags.only)
  for (const cell of measured) await checkCell(cell, server.origins[cell.worker])
  const report = summarise(measured.length > 0 ? await measure(measured) : [])
  if (measured.length > 0) console.log(table(report))
  const isDeferredWanted = !flags.only || flags.only === "deferred"
  const deferred = isDeferredWanted ? await measureDeferred(server, seeded, sizes) : undefined
  if (deferred) console.log(`\n${deferredTable(deferred)}`)
  const isWhole = !flags.quick && !flags.direct && !flags.only
  const results = { date: new Date().toISOString(), ...times, ...report, deferred }
  if (isWhole) await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
} finally {
  load.kill()
  await server.stop()
}

/** Rounds in which every cell has a slice; each begins with another cell, so that none is always the first. */
async function measure(cells: readonly Cell[]): Promise<CellResult[]> {
  const results = cells.map((cell): CellResult => ({ cell, slices: [] }))
  console.error("warming up")
  for (const { cell } of results) await slice(cell, times.warmUpMs)
  for (let round = 0; round < times.rounds; round++) {
    console.error(`round ${round + 1} of ${times.rounds}`)
    for (const { cell, slices } of rotated(results, round)) {
      slices.push(await slice(cell, times.sliceMs))
    }
  }
  return results
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

async function slice({ worker, requests }: Cell, ms: number): Promise<CellResult["slices"][number]> {
  const before = cpuMs()
  load.send({ origin: server.origins[worker], requests, ms } satisfies LoadOrder)
  const [answer] = (await once(load, "message")) as [{ result: LoadResult } | { error: string }]
  if ("error" in answer) throw new Error(answer.error)
  return { ...answer.result, cpuMs: cpuMs() - before }
}

/** `npm run bench`: Selvedge beside a bare Worker, in one workerd, over the same rows. See `bench/README.md`. */

import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { PROJECT_ROOT } from "../scripts/local-env.ts"
import { openAccounts } from "./lib/accounts.ts"
import { baseOf, type Cell, cells, checkAnswer } from "./lib/cells.ts"
import { type Counts, count } from "./lib/counts.ts"
import { cpuMs } from "./lib/cpu.ts"
import { deferredTable, measureDeferred } from "./lib/deferred.ts"
import { startLoader } from "./lib/loader.ts"
import { type CellResult, summarise } from "./lib/report.ts"
import { seed } from "./lib/seed.ts"
import { startServer } from "./lib/server.ts"
import { measureSteady } from "./lib/steady.ts"
import { goalsTable, table } from "./lib/tables.ts"
import { warmUp } from "./lib/warm-up.ts"

const RESULTS = join(PROJECT_ROOT, "bench/results.json")

const { values: flags } = parseArgs({
  options: {
    /** Two minutes instead of eight. */
    quick: { type: "boolean", default: false },
    /** Without Miniflare's own Worker in front. */
    direct: { type: "boolean", default: false },
    /** One measure, or several by their first word: list, cached, "cached get", deferred, steady. */
    only: { type: "string" },
  },
})
/** Many short rounds: other work on the machine then weighs on all that is compared. */
const times = flags.quick ? { rounds: 4, warmUpMs: 300, sliceMs: 250 } : { rounds: 11, warmUpMs: 1_000, sliceMs: 400 }

const sizes = flags.quick
  ? { samples: 30, backlogs: [2_000, 10_000, 20_000], reactions: 500, jobs: 500 }
  : { samples: 300, backlogs: [10_000, 50_000, 100_000], reactions: 5_000, jobs: 5_000 }
/** Of the caller at half of its limit: five seconds, or a minute. */
const steadyRequests = flags.quick ? 25 : 300
/** Of each cell, to count what they ask of the platform. */
const COUNTED = 20
/** Workers that write no log, and one whose limiter is none. */
const UNCOUNTED: readonly string[] = ["bare", "triggered", "empty", "quiet", "cached-quiet", "unlimited"]

const server = await startServer(flags.direct)
const loader = startLoader()
try {
  const seeded = await seed(server)
  const accounts = await openAccounts(server)
  const wanted = wantedOf(cells(seeded, accounts))
  if (wanted.some(({ measure }) => measure.startsWith("cached") || measure.startsWith("kv")))
    await warmUp(server, loader, seeded)
  for (const cell of wanted) checkAnswer(cell, await answerOf(cell))
  const results = wanted.length > 0 ? await measure(wanted) : []
  const counts = await countAll(results.map(({ cell }) => cell))
  const steady = isWanted("steady") ? await measureSteady(server, loader, seeded, steadyRequests) : undefined
  const report = summarise(results, counts, steady)
  if (wanted.length > 0) console.log(table(report))
  console.log(`\n${goalsTable(report)}`)
  const deferred = isWanted("deferred") ? await measureDeferred(server, seeded, sizes) : undefined
  if (deferred) console.log(`\n${deferredTable(deferred)}`)
  const isWhole = !flags.quick && !flags.direct && !flags.only
  const written = { date: new Date().toISOString(), ...times, ...report, deferred }
  if (isWhole) await writeFile(RESULTS, `${JSON.stringify(written, null, 2)}\n`)
} finally {
  loader.stop()
  await server.stop()
}

/** With those that the wanted are compared to. */
function wantedOf(all: readonly Cell[]): Cell[] {
  const bases = all.filter(({ measure }) => isWanted(measure)).map(({ measure }) => baseOf(measure))
  return all.filter(
    ({ measure, worker, note }) =>
      isWanted(measure) || (note === "" && bases.some((base) => base.measure === measure && base.worker === worker)),
  )
}

function isWanted(name: string): boolean {
  return !flags.only || name === flags.only || name.startsWith(`${flags.only} `)
}

async function answerOf({ worker, requests }: Cell): Promise<string> {
  const { answer } = await loader.run({ origin: server.origins[worker], requests, ms: 0, count: 1 })
  return answer!
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
  const result = await loader.run({ origin: server.origins[worker], requests, ms })
  return { ...result, cpuMs: cpuMs() - before }
}

/** After all rounds, when everything is warm. */
async function countAll(cells: readonly Cell[]): Promise<Map<Cell, Counts>> {
  const counts = new Map<Cell, Counts>()
  for (const cell of cells.filter(({ worker }) => !UNCOUNTED.includes(worker))) {
    const { worker, requests } = cell
    const order = { origin: server.origins[worker], requests, ms: 0, count: COUNTED }
    counts.set(cell, await count(server, COUNTED, () => loader.run(order)))
  }
  return counts
}

/** `npm run bench:live`: live queries and channels beside a bare object, ws and socket.io. See `bench/README.md`. */

import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { cpus, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { installPeers } from "../peers/lib/install.ts"
import { measureMatching } from "./lib/matching.ts"
import { type Flood, measure, type Result, type Subject, type Times } from "./lib/measure.ts"
import { stopServers } from "./lib/servers.ts"
import { goalsTable, matchingTable, tableOf } from "./lib/table.ts"
import { SOCKETS_PER_OBJECT } from "./lib/wire.ts"
import { bundleEntry, entryOf } from "./lib/workerd.ts"

const RESULTS = join(import.meta.dirname, "results.json")

/** One after the other, and so many publishers that each waits for its own. */
const FRAMES: readonly Flood[] = [
  { how: "frame", inFlight: 4 },
  { how: "frame", inFlight: 64 },
]
const ROWS: readonly Flood[] = [
  { how: "post", inFlight: 4 },
  { how: "rows", inFlight: 4 },
]
const SUBJECTS: readonly Subject[] = [
  { name: "bare", host: "bare", wire: "plain", how: "frame", floods: FRAMES },
  { name: "bare, split", host: "bare", wire: "split", how: "frame", floods: FRAMES },
  { name: "ws", host: "ws", wire: "plain", how: "frame", floods: FRAMES },
  { name: "socket.io", host: "socket.io", wire: "socket.io", how: "frame", floods: FRAMES },
  { name: "selvedge channel", host: "selvedge", wire: "channel", how: "frame", floods: FRAMES },
  { name: "selvedge query", host: "selvedge", wire: "query", how: "post", floods: ROWS },
]
const MATCHING = "matching"
const SIZES = [100, 1_000, 5_000, 10_000]
const QUICK_SIZES = [100, 1_000]
const TIMES: Times = { idleMs: 5_000, floodMs: 4_000, slowTimes: 5, quickTimes: 40 }
/** Where idle sockets are many, they are watched for longer. */
const LONG_IDLE: Times = { ...TIMES, idleMs: 10_000 }
/** workerd opens two files for each socket, and some others. */
const FILES_PER_SOCKET = 2
const OTHER_FILES = 300

const { values: flags } = parseArgs({
  options: {
    /** 100 and 1,000 subscribers only, and no `results.json`. */
    quick: { type: "boolean", default: false },
    /** One server, those whose names begin so (`selvedge`), or `matching`; no `results.json` either. */
    only: { type: "string" },
  },
})

const most = mostSockets()
const sizes = (flags.quick ? QUICK_SIZES : SIZES).map((size) => Math.min(size, most))
const folder = await mkdtemp(join(tmpdir(), "selvedge-live-"))
let isEnded = false
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => {
    isEnded = true
    void end().finally(() => process.exit(code))
  })
}

try {
  await installPeers(join(import.meta.dirname, "peers"))
  const subjects = SUBJECTS.filter(({ name }) => isWanted(name))
  const entries = new Set([
    ...subjects.flatMap(({ host }) => entryOf(host) ?? []),
    ...(isWanted(MATCHING) ? ["worker" as const] : []),
  ])
  for (const entry of entries) await bundleEntry(entry, folder)
  const results = await measureAll(subjects)
  const matching = isWanted(MATCHING) ? await measureMatching(folder) : undefined
  if (results.length > 0) console.log(`${tableOf(results)}\n`)
  if (matching) console.log(`${matchingTable(matching)}\n`)
  console.log(goalsTable(results, matching))
  const machine = { cpu: cpus()[0]!.model, cores: cpus().length, node: process.version, load: loadavg()[1] }
  const written = { date: new Date().toISOString(), machine, results, matching }
  const isWhole = !flags.quick && !flags.only && !process.exitCode
  if (isWhole) await writeFile(RESULTS, `${JSON.stringify(written, null, 2)}\n`)
} catch (error) {
  // what ends because of Ctrl-C is no failure
  if (!isEnded) throw error
} finally {
  await end()
}

/** All servers at one size after each other, so that what else the machine does weighs on those that are compared. */
async function measureAll(subjects: readonly Subject[]): Promise<Result[]> {
  const results: Result[] = []
  for (const subscribers of sizes) {
    for (const subject of subjects) {
      // up to there it is the bare object itself
      if (subject.wire === "split" && subscribers <= SOCKETS_PER_OBJECT) continue
      console.error(`${subscribers} subscribers, ${subject.name}`)
      const times = subscribers === SOCKETS_PER_OBJECT || subscribers === sizes.at(-1) ? LONG_IDLE : TIMES
      try {
        results.push(await measure(subject, subscribers, folder, times))
      } catch (error) {
        if (isEnded) throw error
        // the others are worth knowing all the same
        console.error(error)
        process.exitCode = 1
      }
    }
  }
  return results
}

function isWanted(name: string): boolean {
  return !flags.only || name.startsWith(flags.only)
}

/** As many as the system lets a process have, in whole hundreds. */
function mostSockets(): number {
  const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? []
  const most = Math.floor((Number(limit) - OTHER_FILES) / FILES_PER_SOCKET / 100) * 100
  const wanted = Math.max(...SIZES)
  if (most < wanted) {
    const needed = wanted * FILES_PER_SOCKET + OTHER_FILES
    console.error(`${most} subscribers at most: a process may open ${limit} files here, and ${wanted} need ${needed}`)
  }
  return most
}

async function end(): Promise<void> {
  await stopServers()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

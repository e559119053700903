/** `npm run bench:peers`: Selvedge beside PocketBase, bknd and teenybase, on the same rows. See `bench/README.md`. */

import { fork } from "node:child_process"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import type { LoadOrder, LoadResult } from "../lib/load.ts"
import { askForAll, checkPeer } from "./lib/check.ts"
import { installPeers } from "./lib/install.ts"
import { WORK } from "./lib/peer.ts"
import { type RunningPeer, startPeers, stopPeers } from "./lib/processes.ts"
import { linesOf, type Measured, tableOf } from "./lib/table.ts"

const RESULTS = join(import.meta.dirname, "results.json")
/** So that what a peer does after its answers (logs, its feed) is counted as its own. */
const SETTLE_MS = 60

const { values: flags } = parseArgs({
  options: {
    /** Half a minute of measuring instead of three, and no `results.json`. */
    quick: { type: "boolean", default: false },
    /** One kind of work, for instance `list`. */
    only: { type: "string" },
  },
})
const times = flags.quick ? { rounds: 3, warmUpMs: 300, sliceMs: 250 } : { rounds: 11, warmUpMs: 1_000, sliceMs: 400 }

let isEnded = false
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => {
    isEnded = true
    void stopPeers().finally(() => process.exit(code))
  })
}

await installPeers()
const load = fork(join(import.meta.dirname, "../lib/load.ts"), { stdio: "inherit" })
try {
  const peers = await startPeers()
  for (const peer of peers) await checkPeer(peer)
  const lines = linesOf(await measure(peers))
  console.log(tableOf(lines))
  const machine = { cpu: cpus()[0]!.model, cores: cpus().length, node: process.version, load: loadavg()[1] }
  const results = { date: new Date().toISOString(), machine, ...times, lines }
  if (!flags.quick && !flags.only) await writeFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`)
} catch (error) {
  // what ends because of Ctrl-C is no failure
  if (!isEnded) throw error
} finally {
  load.kill()
  await stopPeers()
}

/** Rounds in which every peer has a slice of each kind of work; each begins with another, so that none is always first. */
async function measure(peers: readonly RunningPeer[]): Promise<Measured[]> {
  const kinds = WORK.filter((work) => !flags.only || work === flags.only)
  const measured = kinds.flatMap((work) =>
    peers.filter(({ requests }) => requests[work]).map((peer) => ({ peer, work, slices: [] as Measured["slices"] })),
  )
  console.error("warming up")
  for (const peer of peers) if (peer.keeps) await askForAll(peer, kinds)
  for (const { peer, work } of measured) await slice(peer, work, times.warmUpMs)
  for (let round = 0; round < times.rounds; round++) {
    console.error(`round ${round + 1} of ${times.rounds}`)
    const start = round % measured.length
    for (const { peer, work, slices } of [...measured.slice(start), ...measured.slice(0, start)]) {
      slices.push(await slice(peer, work, times.sliceMs))
    }
  }
  return measured
}

async function slice(
  { origin, requests, cpuMs }: RunningPeer,
  work: Measured["work"],
  ms: number,
): Promise<Measured["slices"][number]> {
  const before = cpuMs()
  load.send({ origin, requests: requests[work]!, ms } satisfies LoadOrder)
  const [answer] = (await once(load, "message")) as [{ result: LoadResult } | { error: string }]
  if ("error" in answer) throw new Error(answer.error)
  await wait(SETTLE_MS)
  return { ...answer.result, cpuMs: cpuMs() - before }
}

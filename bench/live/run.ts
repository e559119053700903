/** `npm run bench:live`: live queries and channels beside a bare object, ws and socket.io. See `bench/README.md`. */

import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { cpus, loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { installPeers } from "../peers/lib/install.ts"
import { measure, type Result, type Subject, type Times } from "./lib/measure.ts"
import { stopServers } from "./lib/servers.ts"
import { bundleEntry } from "./lib/workerd.ts"

const RESULTS = join(import.meta.dirname, "results.json")

const SUBJECTS: readonly Subject[] = [
  { name: "bare", host: "bare", wire: "plain", how: "frame", floods: ["frame"] },
  { name: "bare, split", host: "bare", wire: "split", how: "frame", floods: ["frame"] },
  { name: "ws", host: "ws", wire: "plain", how: "frame", floods: ["frame"] },
  { name: "socket.io", host: "socket.io", wire: "socket.io", how: "frame", floods: ["frame"] },
  { name: "selvedge channel", host: "selvedge", wire: "channel", how: "frame", floods: ["frame"] },
  { name: "selvedge query", host: "selvedge", wire: "query", how: "post", floods: ["post", "rows"] },
]

const { values: flags } = parseArgs({
  options: {
    /** 100 and 1,000 subscribers only, and no `results.json`. */
    quick: { type: "boolean", default: false },
    /** One server, for instance `ws`, or those whose names begin so: `selvedge`. */
    only: { type: "string" },
  },
})
const sizes = flags.quick ? [100, 1_000] : [100, 1_000, 5_000, 10_000]

const folder = await mkdtemp(join(tmpdir(), "selvedge-live-"))
try {
  await installPeers(join(import.meta.dirname, "peers"))
  const subjects = SUBJECTS.filter(({ name }) => !flags.only || name.startsWith(flags.only))
  const results: Result[] = []
  for (const subject of subjects) {
    if (subject.host === "bare") await bundleEntry("bare", folder)
    for (const subscribers of sizes) {
      console.error(`${subject.name}, ${subscribers}`)
      const times: Times = { idleMs: 5_000, floodMs: 4_000, slowTimes: 5, quickTimes: 40 }
      const result = await measure(subject, subscribers, folder, times)
      console.error(JSON.stringify(result))
      results.push(result)
    }
  }
  const machine = { cpu: cpus()[0]!.model, cores: cpus().length, node: process.version, load: loadavg()[1] }
  const written = { date: new Date().toISOString(), machine, results }
  if (!flags.quick && !flags.only) await writeFile(RESULTS, `${JSON.stringify(written, null, 2)}\n`)
} finally {
  await stopServers()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

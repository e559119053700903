/** `npm run test:crash`: the kill test at length. */

import { parseArgs } from "node:util"
import { runCrash } from "../test/node/crash/run.ts"

const USAGE = `npm run test:crash -- [--kills N] [--seed N]

Kills the serving process (SIGKILL) at random moments while clients write and jobs run, starts it again on the same
data, and checks at the end that nothing acknowledged is lost, that no effect came twice, that every job has ended, and
that live clients, which come back each time, were told of every change and message in order, each once.

  --kills N   default: 40
  --seed N    of the random numbers; a failed run prints its own`

const { values } = parseArgs({
  options: { kills: { type: "string", default: "40" }, seed: { type: "string" }, help: { type: "boolean" } },
})
if (values.help) console.log(USAGE)
else await run(Number(values.kills), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31)))

async function run(kills: number, seed: number): Promise<void> {
  const limits = { writers: 6, subscribers: 6, mostServingMs: 4_000, patienceMs: 240_000 }
  const { figures, violations, folder } = await runCrash({ kills, seed, ...limits, say: (line) => console.log(line) })
  const width = Math.max(...Object.keys(figures).map((name) => name.length))
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(width)}  ${value}`)
  if (violations.length === 0) return
  console.error(`\n${violations.join("\n")}\n\nseed ${seed}; the database and the log are in ${folder}`)
  process.exitCode = 1
}

/** `npm run dev`: makes ready what is missing, then serves the application on this machine. */

import { buildClientAssets, watchClientAssets } from "./client-assets.ts"
import { prepareDatabase } from "./dev/database.ts"
import { parseDevFlags, USAGE } from "./dev/flags.ts"
import { isFree, serve } from "./dev/server.ts"
import { ensureDevVars, PROJECT_ROOT } from "./local-env.ts"
import { copyVendored } from "./vendor.ts"

const flags = parseDevFlags(process.argv.slice(2))

if (flags.help) {
  console.log(USAGE)
} else if (!(await isFree(flags.port))) {
  console.error(
    `Port ${flags.port} is in use. Stop what runs there, or take another: npm run dev -- --port ${flags.port + 1}`,
  )
  process.exitCode = 1
} else {
  const started = performance.now()
  await ensureDevVars(PROJECT_ROOT)
  if (await copyVendored()) say("Copied the libraries of pages into public/vendor")
  if (await buildClientAssets()) say("Built the client as /selvedge.js")
  await prepareDatabase(flags.persistTo, say)
  say(`Starting the server (ready so far: ${((performance.now() - started) / 1000).toFixed(1)} s)`)
  const unwatch = watchClientAssets((fault) => say(fault ? String(fault) : "Built /selvedge.js anew"))
  process.exitCode = await serve(flags)
  unwatch()
}

function say(line: string): void {
  console.log(`selvedge: ${line}`)
}

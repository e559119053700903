/** `npm run test:browser`: the shop's pages in a real browser, all of it; or pictures of them for the documents. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { PROJECT_ROOT } from "./local-env.ts"

const SCREENSHOTS = "--screenshots"
const USAGE = `npm run test:browser -- [PATH …] [flags of vitest]
npm run test:browser -- ${SCREENSHOTS}

Drives the shop's pages by Chromium against the bundle that a deploy uploads: everything, or the files whose path contains
one of the PATHs. npm test has the short part of it. CHROMIUM names the browser (default: /usr/bin/chromium).

  ${SCREENSHOTS}  makes the pictures in docs/images anew, and tests nothing`

const args = process.argv.slice(2)
if (args.includes("--help")) console.log(USAGE)
else process.exitCode = await runVitest()

async function runVitest(): Promise<number> {
  const vitest = join(PROJECT_ROOT, "node_modules/vitest/vitest.mjs")
  const others = args.filter((arg) => arg !== SCREENSHOTS)
  const SELVEDGE_BROWSER = args.includes(SCREENSHOTS) ? "screenshots" : "all"
  const child = spawn(process.execPath, [vitest, "run", "--project", "browser", ...others], {
    cwd: PROJECT_ROOT,
    stdio: "inherit",
    env: { ...process.env, SELVEDGE_BROWSER },
  })
  const [code] = (await once(child, "exit")) as [number | null]
  return code ?? 1
}

/** `npm run test:long`: the property tests, with far more cases than `npm test` tries. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { PROJECT_ROOT } from "./local-env.ts"

/** Parts of the paths of the tests that read SELVEDGE_LONG. */
const LONG_TESTS = ["test/property/", "-random.test.ts", "test/node/live/"]
const LONGEST_TEST_MS = 60 * 60_000

const USAGE = `npm run test:long -- [PATH …] [flags of vitest]

Runs the tests whose path contains one of the PATHs (default: ${LONG_TESTS.join(" ")})
with the long counts (SELVEDGE_LONG=1): several minutes.`

const args = process.argv.slice(2)
if (args.includes("--help")) console.log(USAGE)
else process.exitCode = await runVitest()

async function runVitest(): Promise<number> {
  const paths = args.some((arg) => !arg.startsWith("-")) ? [] : LONG_TESTS
  const vitest = join(PROJECT_ROOT, "node_modules/vitest/vitest.mjs")
  const child = spawn(process.execPath, [vitest, "run", `--testTimeout=${LONGEST_TEST_MS}`, ...paths, ...args], {
    cwd: PROJECT_ROOT,
    stdio: "inherit",
    env: { ...process.env, SELVEDGE_LONG: "1" },
  })
  const [code] = (await once(child, "exit")) as [number | null]
  return code ?? 1
}

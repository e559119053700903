/** `npm run size`: how large the Worker is, and how long its module takes to start; fails above the limits. */

import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { measureStartMs } from "./size/module-start.ts"
import { runWrangler } from "./wrangler.ts"

const LARGEST_GZIP_BYTES = 150 * 1024
const LONGEST_START_MS = 25

const folder = await mkdtemp(join(tmpdir(), "selvedge-size-"))
try {
  await bundleWorker()
  const bundle = await readFile(join(folder, "worker.js"))
  const gzipBytes = gzipSync(bundle, { level: 9 }).byteLength
  const startMs = await measureStartMs(folder, "worker.js")
  console.log(`minified      ${kib(bundle.byteLength)}
gzipped       ${kib(gzipBytes)} (limit ${kib(LARGEST_GZIP_BYTES)})
module start  ${startMs.toFixed(1)} ms (limit ${LONGEST_START_MS} ms)`)
  if (gzipBytes > LARGEST_GZIP_BYTES || startMs > LONGEST_START_MS) {
    console.error("The Worker is above a limit.")
    process.exitCode = 1
  }
} finally {
  await rm(folder, { recursive: true })
}

/** The very bundle that a deploy uploads. */
async function bundleWorker(): Promise<void> {
  const run = await runWrangler(["deploy", "--dry-run", "--minify", "--outdir", folder])
  if (run.code !== 0) throw new Error(run.output)
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`
}

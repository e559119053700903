/** `npm run size`: how large the Worker is, and how long its module takes to start; fails above the limits. */

import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { measureStartMs } from "./size/module-start.ts"
import { runWrangler } from "./wrangler.ts"

const LARGEST_GZIP_BYTES = 150 * 1024
/** At the speed of the machine on which the yardstick takes {@link YARDSTICK_MS}: docs/decisions/008-module-start.md. */
const LONGEST_START_MS = 25
const YARDSTICK_MS = 5

const folder = await mkdtemp(join(tmpdir(), "selvedge-size-"))
try {
  await bundle("worker.js", [])
  await bundle("yardstick.js", ["scripts/size/yardstick.ts"])
  const worker = await readFile(join(folder, "worker.js"))
  const gzipBytes = gzipSync(worker, { level: 9 }).byteLength
  const measuredMs = await measureStartMs(folder, "worker.js")
  const yardstickMs = await measureStartMs(folder, "yardstick.js")
  const startMs = (measuredMs / yardstickMs) * YARDSTICK_MS
  console.log(`minified      ${kib(worker.byteLength)}
gzipped       ${kib(gzipBytes)} (limit ${kib(LARGEST_GZIP_BYTES)})
module start  ${measuredMs.toFixed(1)} ms on this machine, where the libraries alone take ${yardstickMs.toFixed(1)} ms
              ${startMs.toFixed(1)} ms where they take ${YARDSTICK_MS} ms (limit ${LONGEST_START_MS} ms)`)
  if (gzipBytes > LARGEST_GZIP_BYTES || startMs > LONGEST_START_MS) {
    console.error("The Worker is above a limit.")
    process.exitCode = 1
  }
} finally {
  await rm(folder, { recursive: true })
}

/** The very bundle that a deploy uploads; of another entry, if one is named. */
async function bundle(file: string, entry: readonly string[]): Promise<void> {
  const outdir = join(folder, "out")
  const run = await runWrangler(["deploy", ...entry, "--dry-run", "--minify", "--outdir", outdir])
  if (run.code !== 0) throw new Error(run.output)
  const [built] = (await readdir(outdir)).filter((name) => name.endsWith(".js"))
  await rename(join(outdir, built!), join(folder, file))
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`
}

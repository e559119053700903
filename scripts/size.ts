/** `npm run size`: how large the Worker is, and how long its module takes to start; fails above the limits. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { type Bundle, measureStartMs } from "./size/module-start.ts"
import { runWrangler } from "./wrangler.ts"

const LARGEST_GZIP_BYTES = 150 * 1024
/** At the speed of the machine on which the yardstick takes {@link YARDSTICK_MS}: docs/decisions/008-module-start.md. */
const LONGEST_START_MS = 25
const YARDSTICK_MS = 5

const folder = await mkdtemp(join(tmpdir(), "selvedge-size-"))
try {
  const shop = await bundle("worker", [])
  const yardstick = await bundle("yardstick", ["scripts/size/yardstick.ts", "--config", "bench/wrangler.toml"])
  const parts = await Promise.all([shop.main, ...shop.wasm].map((file) => readFile(join(shop.folder, file))))
  const gzipBytes = parts.reduce((sum, part) => sum + gzipSync(part, { level: 9 }).byteLength, 0)
  const measuredMs = await measureStartMs(shop)
  const yardstickMs = await measureStartMs(yardstick)
  const startMs = (measuredMs / yardstickMs) * YARDSTICK_MS
  console.log(`minified      ${kib(parts.reduce((sum, part) => sum + part.byteLength, 0))}
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
async function bundle(name: string, entry: readonly string[]): Promise<Bundle> {
  const outdir = join(folder, name)
  const run = await runWrangler(["deploy", ...entry, "--dry-run", "--minify", "--outdir", outdir])
  if (run.code !== 0) throw new Error(run.output)
  const files = await readdir(outdir)
  return {
    folder: outdir,
    main: files.find((file) => file.endsWith(".js"))!,
    wasm: files.filter((file) => file.endsWith(".wasm")),
  }
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`
}

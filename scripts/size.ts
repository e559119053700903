/** `npm run size`: how large the Worker and the client are, and how long the Worker's module takes to start; fails above the limits. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { measureClient } from "./size/client.ts"
import { type Bundle, measureStartsMs } from "./size/module-start.ts"
import { runWrangler } from "./wrangler.ts"

/** JavaScript, gzipped. */
const LARGEST_BYTES = 335 * 1024
const LARGEST_BYTES_WITHOUT_PASSKEYS = 265 * 1024
/** At the speed of the machine on which the yardstick takes {@link YARDSTICK_MS}: docs/decisions/008-module-start.md. */
const LONGEST_START_MS = 36
const YARDSTICK_MS = 5
const NOTHING = join(import.meta.dirname, "size/nothing.ts")

const folder = await mkdtemp(join(tmpdir(), "selvedge-size-"))
try {
  const shop = await bundle("worker", [])
  const yardstick = await bundle("yardstick", ["scripts/size/yardstick.ts", "--config", "bench/wrangler.toml"])
  const withoutPasskeys = await bundle("without-passkeys", [
    ...["--alias", `@simplewebauthn/server:${NOTHING}`],
    ...["--alias", `@simplewebauthn/server/helpers:${NOTHING}`],
  ])
  const worker = await readFile(join(shop.folder, shop.main))
  const gzipBytes = gzipped(worker)
  const smallerBytes = gzipped(await readFile(join(withoutPasskeys.folder, withoutPasskeys.main)))
  const [measuredMs, yardstickMs] = (await measureStartsMs([shop, yardstick])) as [number, number]
  const startMs = (measuredMs / yardstickMs) * YARDSTICK_MS
  console.log(`minified      ${kib(worker.byteLength)}
gzipped       ${kib(gzipBytes)} (limit ${kib(LARGEST_BYTES)})
              ${kib(smallerBytes)} without the passkey library, which only its routes load (limit ${kib(LARGEST_BYTES_WITHOUT_PASSKEYS)})
module start  ${measuredMs.toFixed(1)} ms on this machine, where the libraries alone take ${yardstickMs.toFixed(1)} ms
              ${startMs.toFixed(1)} ms where they take ${YARDSTICK_MS} ms (limit ${LONGEST_START_MS} ms)`)
  const isTooLarge = gzipBytes > LARGEST_BYTES || smallerBytes > LARGEST_BYTES_WITHOUT_PASSKEYS
  if (isTooLarge || startMs > LONGEST_START_MS) {
    console.error("The Worker is above a limit.")
    process.exitCode = 1
  }
  const client = await measureClient()
  console.log(client.report)
  if (!client.isSmallEnough) {
    console.error("The client is above a limit.")
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
    imports: files.filter((file) => /\.(wasm|txt)$/.test(file)),
  }
}

function gzipped(code: Uint8Array): number {
  return gzipSync(code, { level: 9 }).byteLength
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`
}

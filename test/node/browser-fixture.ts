/** Debian's Chromium, headless, with a new profile. */

import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BrowserContext, chromium } from "playwright-core"

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium"
/** None of its own services, which would ask hosts of the Internet. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]

export const hasBrowser = existsSync(CHROMIUM)

export interface Browser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** @param flags Of its command line, beside those that every test needs. */
export async function launchBrowser(...flags: string[]): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "selvedge-browser-"))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: [...FLAGS, ...flags],
  })
  return {
    context,
    async close() {
      await context.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

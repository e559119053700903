/** The shop's production bundle with its films and its pages, started once for all browser tests. */

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { TestProject } from "vitest/node"
import { createTestHarness } from "wrangler"
import { bundleClient } from "../../scripts/client-assets.ts"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { seedFilms } from "../../scripts/seed-films.ts"
import { copyVendored } from "../../scripts/vendor.ts"
import { runWrangler } from "../../scripts/wrangler.ts"
import { freePort } from "../node/dev-fixture.ts"
import { writeWorker } from "../node/passkeys-fixture.ts"

const SECRETS = {
  SELVEDGE_SECRET: "a secret for tests, with more than 32 characters",
  SELVEDGE_LOCAL: "true",
  PAYMENTS_WEBHOOK_SECRET: `whsec_${btoa("a secret of the payment gateway")}`,
}
const ADMIN = { email: "operator@example.com", password: "a long enough passphrase" }

declare module "vitest" {
  interface ProvidedContext {
    /** The shop's origin, by name: passkeys know no addresses in numbers. */
    shop: string
    admin: typeof ADMIN
    /** A port on 127.0.0.1 and localhost, free for a static site: both origins are listed. */
    sitePort: number
    /** The folder of the pages that the shop serves. */
    pages: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const sitePort = await freePort()
  const folder = await mkdtemp(join(tmpdir(), "selvedge-browser-shop-"))
  const configPath = await writeWorker(folder, `http://localhost:${sitePort}`, `http://127.0.0.1:${sitePort}`)
  await copySite(folder, configPath)
  const prebuiltWorkerDir = join(folder, "bundle")
  const run = await runWrangler([
    "deploy",
    "--config",
    configPath,
    "--dry-run",
    "--minify",
    "--outdir",
    prebuiltWorkerDir,
  ])
  if (run.code !== 0) throw new Error(run.output)
  const server = createTestHarness({ root: folder, workers: [{ configPath, prebuiltWorkerDir, secrets: SECRETS }] })
  const { port } = (await server.listen()).url
  const shop = `http://localhost:${port}`
  await server.getWorker().applyD1Migrations("DB")
  const { DB } = (await server.getWorker().getEnv()) as { DB: D1Database }
  await seedFilms(DB)
  await makeAdmin(shop, DB)
  project.provide("shop", shop)
  project.provide("admin", ADMIN)
  project.provide("sitePort", sitePort)
  project.provide("pages", join(folder, "public"))
  return async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Pages of its own, so that nothing changes under a test; with the client of these sources. */
async function copySite(folder: string, configPath: string): Promise<void> {
  const [site, copy] = [join(PROJECT_ROOT, "public"), join(folder, "public")]
  const built = /selvedge(\.js|-assets)/
  await copyVendored()
  await cp(site, copy, { recursive: true, filter: (path) => !built.test(path) })
  for (const { path, code } of await bundleClient()) {
    await mkdir(dirname(join(copy, path)), { recursive: true })
    await writeFile(join(copy, path), code)
  }
  const config = await readFile(configPath, "utf8")
  await writeFile(configPath, config.replace(JSON.stringify(site), JSON.stringify(copy)))
}

/** The first admin of a shop is made by whoever holds its database. */
async function makeAdmin(shop: string, db: D1Database): Promise<void> {
  const headers = { "Content-Type": "application/json" }
  const answer = await fetch(`${shop}/v1/auth/sign-up`, { method: "POST", headers, body: JSON.stringify(ADMIN) })
  if (answer.status !== 201) throw new Error(await answer.text())
  await db.prepare(`UPDATE _users SET roles = '["admin"]' WHERE email = ?`).bind(ADMIN.email).run()
}

/** What scripts on this machine share: the secret in `.dev.vars`, and the D1 database that `wrangler dev` uses. */

import { randomBytes } from "node:crypto"
import { appendFile, link, readFile, rm, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { parseEnv } from "node:util"

export const PROJECT_ROOT = resolve(import.meta.dirname, "..")

const SECRET = "SELVEDGE_SECRET"
/** Mails are caught rather than sent where it is set. */
const LOCAL = "SELVEDGE_LOCAL"
/** The shop's payment gateway signs by it. */
const PAYMENTS = "PAYMENTS_WEBHOOK_SECRET"
const SECRET_BYTES = 32
const BINDING = "DB"
const BUSY_ATTEMPTS = 40
const BUSY_WAIT_MS = 50

export interface LocalDatabase {
  readonly db: D1Database
  dispose(): Promise<void>
}

/**
 * What the Worker needs on this machine, in `.dev.vars` of `root`, written there (readable by its owner) when missing.
 *
 * @returns The Worker's secret.
 */
export async function ensureDevVars(root: string): Promise<string> {
  const path = join(root, ".dev.vars")
  const existing = await readText(path)
  const known = existing === undefined ? {} : parseEnv(existing)
  const missing = [
    ...(known[SECRET] ? [] : [`${SECRET}="${randomBytes(SECRET_BYTES).toString("base64url")}"\n`]),
    ...(known[LOCAL] ? [] : [`${LOCAL}="true"\n`]),
    ...(known[PAYMENTS] ? [] : [`${PAYMENTS}="whsec_${randomBytes(SECRET_BYTES).toString("base64")}"\n`]),
  ].join("")
  if (existing === undefined) await createWhole(path, missing)
  else if (missing) await appendFile(path, existing === "" || existing.endsWith("\n") ? missing : `\n${missing}`)
  return known[SECRET] ?? parseEnv(await readFile(path, "utf8"))[SECRET]!
}

/**
 * The D1 database of `wrangler dev`, also while it runs. Its writes and the server's can collide, so make few of them
 * and wrap the work in {@link whileBusy}.
 *
 * @param options.persistTo The state folder, as given to `wrangler dev`, relative to the working directory;
 * `.wrangler/state` of the project by default.
 */
export async function openLocal(options: { persistTo?: string | undefined } = {}): Promise<LocalDatabase> {
  const state = options.persistTo ? resolve(options.persistTo) : join(PROJECT_ROOT, ".wrangler/state")
  const { Miniflare, convertV4MiniflareOptions } = await import("miniflare") // without wrangler, a third of the time
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default {}",
      // wrangler takes the binding's name for a database that has no id yet
      d1Databases: { [BINDING]: BINDING },
      resourcePersistencePath: join(state, "v3"),
      cf: false,
    }),
  )
  return {
    db: (await miniflare.getD1Database(BINDING)) as unknown as D1Database,
    dispose: () => miniflare.dispose(),
  }
}

/**
 * Runs `work` again while the dev server holds the database's lock; it must be safe to repeat. Even a read can meet the
 * lock while the file is being opened, which workerd tells as an internal error.
 */
export async function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === BUSY_ATTEMPTS || !/SQLITE_BUSY|internal error/.test(String(error))) throw error
      await wait(BUSY_WAIT_MS)
    }
  }
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw error
  })
}

/** Creates the file with all of its text at once; one that another script created in the meantime stays. */
async function createWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}`
  await writeFile(draft, text, { mode: 0o600 })
  try {
    await link(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  } finally {
    await rm(draft)
  }
}

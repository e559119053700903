/** `npm run deploy`: the database with its migrations, then the Worker, in the Cloudflare account of wrangler's login. */

import { randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { unstable_readConfig as readConfig } from "wrangler"
import { backend } from "../app/backend.ts"
import { scheduleFaults } from "../src/jobs/schedules.ts"
import { buildClientAssets } from "./client-assets.ts"
import { PROJECT_ROOT } from "./local-env.ts"
import { copyVendored } from "./vendor.ts"
import { type Run, runWrangler, showWrangler } from "./wrangler.ts"

const BINDING = "DB"
const SECRET = "SELVEDGE_SECRET"
const SECRET_BYTES = 32

const SIGN_IN = "Is wrangler signed in? Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN."
const USAGE = `npm run deploy -- [--dry-run] [--env NAME] [--location REGION]

  --dry-run          bundles and checks the Worker, uploads nothing
  --env NAME         an environment of wrangler.toml
  --location REGION  where a new database's primary lies, for good: weur, eeur, apac, oc, wnam or enam
                     (default: near this machine)`

const { values: flags } = parseArgs({
  options: {
    "dry-run": { type: "boolean" },
    env: { type: "string" },
    location: { type: "string" },
    help: { type: "boolean" },
  },
})
const environment = flags.env ? ["--env", flags.env] : []

if (flags.help) console.log(USAGE)
else process.exitCode = await inFolder(flags["dry-run"] ? dryRun : deploy)

async function inFolder(work: (folder: string) => Promise<number>): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-deploy-"))
  try {
    await copyVendored()
    await buildClientAssets()
    requireSchedules()
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What a deployed clock could only write into its log. */
function requireSchedules(): void {
  const faults = scheduleFaults(backend.jobs.schedules)
  if (faults.length > 0) throw new Error(faults.join("\n"))
}

function dryRun(folder: string): Promise<number> {
  return showWrangler(["deploy", "--dry-run", "--minify", "--outdir", folder, ...environment])
}

async function deploy(folder: string): Promise<number> {
  const database = databaseName()
  const databases = await runWrangler(["d1", "list", "--json", ...environment])
  if (databases.code !== 0) return refuse(databases, SIGN_IN)
  // wrangler deploy creates a missing database too, but only with a Worker that already answers, over no tables
  if (!(JSON.parse(databases.stdout) as { name: string }[]).some(({ name }) => name === database)) {
    const created = await createDatabase(database)
    if (created !== 0) return created
  }
  const migrated = await showWrangler(["d1", "migrations", "apply", BINDING, "--remote", ...environment])
  if (migrated !== 0) return migrated

  const secrets = await secretsFor(folder)
  return secrets ? showWrangler(["deploy", "--minify", ...secrets, ...environment]) : 1
}

function databaseName(): string {
  const config = readConfig({ config: join(PROJECT_ROOT, "wrangler.toml"), env: flags.env })
  const databases = config.d1_databases as { binding: string; database_name?: string }[]
  const name = databases.find(({ binding }) => binding === BINDING)?.database_name
  if (!name) throw new TypeError(`wrangler.toml: the D1 binding ${BINDING} needs a database_name`)
  return name
}

function createDatabase(name: string): Promise<number> {
  const location = flags.location ? ["--location", flags.location] : []
  // no id in wrangler.toml: it is found by its name
  return showWrangler(["d1", "create", name, "--update-config", "false", ...location, ...environment])
}

/**
 * The Worker's secret must never change by accident, or nobody can read the signing keys any more: it is made only when
 * wrangler says for certain that there is none.
 *
 * @returns Flags for `wrangler deploy`, which keeps a secret that it isn't given; undefined when nobody can tell.
 */
async function secretsFor(folder: string): Promise<string[] | undefined> {
  const listed = await runWrangler(["secret", "list", "--format", "json", ...environment])
  if (listed.code !== 0 && !/Worker "[^"]+".* not found/.test(listed.output)) {
    refuse(listed, `The secrets of the Worker can't be read, so it isn't clear whether it has ${SECRET}.`)
    return undefined
  }
  const names = listed.code === 0 ? (JSON.parse(listed.stdout) as { name: string }[]) : []
  if (names.some(({ name }) => name === SECRET)) return []

  const path = join(folder, "secrets.json")
  await writeFile(path, JSON.stringify({ [SECRET]: randomBytes(SECRET_BYTES).toString("base64url") }), { mode: 0o600 })
  console.log(`The Worker has no ${SECRET} yet: it gets a random one, which only Cloudflare keeps.`)
  return ["--secrets-file", path]
}

function refuse(run: Run, mend: string): number {
  console.error(`${run.output.trim()}\n\n${mend}`)
  return run.code
}

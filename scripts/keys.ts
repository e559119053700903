/** `npm run keys`: the keys that sign access tokens, in the local database or, with `--remote`, in the deployed one. */

import { parseArgs } from "node:util"
import type { Query } from "../src/db/query.ts"
import { type D1Target, execute } from "./d1.ts"

const USAGE = `npm run keys -- list
npm run keys -- rotate
npm run keys -- revoke KID

list    shows the keys that sign or verify
rotate  lets another key take over: it is published within 5 minutes, signs 5 minutes later, and tokens of the old one
        are good for 25 hours more, which is longer than any token lives (but those of npm run token -- --expires)
revoke  refuses all tokens of a key, everywhere within 5 minutes: for a key that was stolen

  --remote          the deployed database, instead of that on this machine
  --persist-to DIR  where the local database lies (default: .wrangler/state)`

/** Longer than it takes to publish the next key, and than access tokens live. */
const KEPT_MS = 25 * 3_600_000

try {
  const { values: flags, positionals } = parseArgs({
    args: dashedIdsLast(process.argv.slice(2)),
    allowPositionals: true,
    options: {
      remote: { type: "boolean", default: false },
      "persist-to": { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  const target = { remote: flags.remote, persistTo: flags["persist-to"] }
  console.log(flags.help ? USAGE : await run(target, positionals))
} catch (error) {
  console.error(error instanceof TypeError ? error.message : String((error as Error).stack ?? error))
  process.exitCode = 1
}

/** One key's id in 64 begins with a dash, and is no option for that. */
function dashedIdsLast(args: readonly string[]): string[] {
  const isDashedId = (arg: string) => /^-[\w-]{42}$/.test(arg)
  return [...args.filter((arg) => !isDashedId(arg)), "--", ...args.filter(isDashedId)]
}

async function run(target: D1Target, [command, kid, ...more]: string[]): Promise<string> {
  const isWhole = more.length === 0 && (command === "revoke") === (kid !== undefined)
  if (isWhole && command === "list") return list(target)
  if (isWhole && command === "rotate") return rotate(target)
  if (isWhole && command === "revoke") return revoke(target, kid!)
  throw new TypeError(`Say what to do: list, rotate, or revoke with the key's id.\n\n${USAGE}`)
}

async function list(target: D1Target): Promise<string> {
  const [rows] = await execute(target, [
    {
      sql: `SELECT kid, signs_from AS "signsFrom", retired_at AS "retiredAt" FROM _signing_keys
WHERE retired_at IS NULL OR retired_at > ? ORDER BY signs_from DESC`,
      params: [Date.now()],
    },
  ])
  const lines = rows!.map(
    ({ kid, signsFrom, retiredAt }) =>
      `${kid}  signs from ${at(signsFrom)}${retiredAt === null ? "" : `, verifies until ${at(retiredAt)}`}`,
  )
  return lines.join("\n") || "There is no key yet; the first token makes one."
}

/** A key that is going to retire is followed by another one, which the Worker makes: it alone has the secret. */
async function rotate(target: D1Target): Promise<string> {
  const retiredAt = Date.now() + KEPT_MS
  const [rows] = await execute(target, [
    {
      sql: "UPDATE _signing_keys SET retired_at = ? WHERE retired_at IS NULL RETURNING kid",
      params: [retiredAt],
    },
    event("signing_keys_rotated", {}),
  ])
  if (rows!.length === 0) throw new TypeError("There is nothing to rotate: no key signs for good.")
  return `Another key takes over within 10 minutes; ${rows!.map(({ kid }) => kid).join(", ")} verifies until ${at(retiredAt)}.`
}

async function revoke(target: D1Target, kid: string): Promise<string> {
  const [rows] = await execute(target, [
    {
      sql: "UPDATE _signing_keys SET retired_at = ?1 WHERE kid = ?2 AND (retired_at IS NULL OR retired_at > ?1) RETURNING kid",
      params: [Date.now(), kid],
    },
    event("signing_key_revoked", { kid }),
  ])
  if (rows!.length === 0) throw new TypeError(`${kid} is no key that signs or verifies; see npm run keys -- list`)
  return `Tokens of ${kid} are refused, everywhere within 5 minutes.`
}

function event(name: string, detail: object): Query {
  return {
    sql: `INSERT INTO _auth_events (at, event, actor, result, detail)
SELECT ?, ?, 'operator', 'ok', ? WHERE changes() > 0`,
    params: [Date.now(), name, JSON.stringify(detail)],
  }
}

function at(ms: unknown): string {
  return new Date(ms as number).toISOString()
}

/** `npm run -s token`: an access token for local work, alone on stdout. */

import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import { createTokens, type ServiceTokenClaims, type UserTokenClaims } from "../src/auth/tokens.ts"
import { STANDS } from "../src/auth/users.ts"
import { newId } from "../src/schema/record-id.ts"
import { ensureDevVars, openLocal, PROJECT_ROOT, whileBusy } from "./local-env.ts"

const USAGE = `npm run -s token -- --email ADDRESS [--role ROLE]... [--name NAME] [--expires 24h] [--persist-to DIR]
npm run -s token -- --service [--expires 24h] [--persist-to DIR]

Prints an access token for the local server, also while it runs. The user is created when missing. The token belongs to a
session of its own, which the user can see and end.

  --email ADDRESS   the user
  --role ROLE       exactly these roles from now on; without any, the user keeps those it has
  --name NAME       the user's name (default: the part of the address before the @)
  --service         a token of the service, which no access rule binds
  --expires TIME    such as 90s, 15m, 24h or 7d (default: 24h, at most 30d)
  --persist-to DIR  where the local database lies (default: .wrangler/state)`

const SECONDS_PER = { s: 1, m: 60, h: 3_600, d: 86_400 } as const
const MAX_SECONDS = 30 * SECONDS_PER.d
/** Of the id of a session, random. */
const SESSION_ID_BYTES = 16
/** RFC 5321 §4.5.3.1.3, without the angle brackets. */
const MAX_EMAIL_LENGTH = 254

interface Wanted {
  email: string
  /** Undefined leaves the roles, or the name, as they are. */
  roles: string[] | undefined
  name: string | undefined
}

interface Order {
  /** Undefined asks for a token of the service. */
  user: Wanted | undefined
  lifetimeSeconds: number
  persistTo: string | undefined
}

try {
  const order = readOrder(process.argv.slice(2))
  console.log(order ? await makeToken(order) : USAGE)
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}

/** @returns Undefined when only help is asked for. */
function readOrder(args: string[]): Order | undefined {
  const { values: flags } = parseArgs({
    args,
    options: {
      email: { type: "string" },
      role: { type: "string", multiple: true },
      name: { type: "string" },
      service: { type: "boolean", default: false },
      expires: { type: "string", default: "24h" },
      "persist-to": { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  if (flags.help) return undefined
  if (flags.service ? (flags.email ?? flags.role ?? flags.name) : !flags.email) {
    throw new TypeError(`Give --email, or --service alone.\n\n${USAGE}`)
  }
  return {
    user: flags.email ? { email: readEmail(flags.email), roles: readRoles(flags.role), name: flags.name } : undefined,
    lifetimeSeconds: readSeconds(flags.expires),
    persistTo: flags["persist-to"],
  }
}

function readEmail(text: string): string {
  const email = text.trim().toLowerCase()
  if (/^[^\s@]+@[^\s@]+$/.test(email) && email.length <= MAX_EMAIL_LENGTH) return email
  throw new TypeError(`--email: "${text}" is not an address`)
}

function readRoles(roles: string[] | undefined): string[] | undefined {
  if (roles?.some((role) => role.trim() === "")) throw new TypeError("--role: a name is needed")
  return roles && [...new Set(roles.map((role) => role.trim()))]
}

function readSeconds(text: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? []
  const seconds = Number(count) * SECONDS_PER[unit as keyof typeof SECONDS_PER]
  if (seconds > 0 && seconds <= MAX_SECONDS) return seconds
  throw new TypeError(`--expires: "${text}" is not a time such as 90s, 15m, 24h or 7d, at most 30d`)
}

async function makeToken({ user, lifetimeSeconds, persistTo }: Order): Promise<string> {
  const secret = await ensureDevVars(PROJECT_ROOT)
  const { db, dispose } = await openLocal({ persistTo })
  try {
    const tokens = createTokens({ db, secret, now: Date.now })
    const claims: UserTokenClaims | ServiceTokenClaims = user
      ? await openSession(db, user, lifetimeSeconds)
      : { service: true, lifetimeSeconds }
    return await whileBusy(() => tokens.sign(claims))
  } finally {
    await dispose()
  }
}

async function openSession(db: D1Database, wanted: Wanted, lifetimeSeconds: number): Promise<UserTokenClaims> {
  const user = await whileBusy(() => ensureUser(db, wanted))
  const sessionId = randomBytes(SESSION_ID_BYTES).toString("base64url")
  const now = Date.now()
  // of generation 0 with a hash that no token has, so that it can't be refreshed
  const insert = db
    .prepare(
      `INSERT INTO _sessions (id, user_id, generation, refresh_hash, rotated_at, aal, amr, user_agent, created_at,
         authenticated_at, last_used_at, idle_at, expires_at)
       VALUES (?1, ?2, 0, '', ?3, 1, '["cli"]', 'npm-run-token', ?3, ?3, ?3, ?4, ?4) ON CONFLICT DO NOTHING`,
    )
    .bind(sessionId, user.subject, now, now + lifetimeSeconds * 1000)
  await whileBusy(() => insert.run())
  return { ...user, sessionId, aal: 1, lifetimeSeconds }
}

/** Writes only what differs, to stay out of the way of a running server. */
async function ensureUser(db: D1Database, wanted: Wanted): Promise<{ subject: string; roles: string[] }> {
  const found = (await findUser(db, wanted.email)) ?? (await createUser(db, wanted))
  if (found.stands !== 1) throw new TypeError(`--email: the account ${wanted.email} is banned or deleted`)
  const roles = JSON.stringify(wanted.roles ?? JSON.parse(found.roles))
  const name = wanted.name ?? found.name
  if (roles !== found.roles || name !== found.name) {
    await db.prepare("UPDATE _users SET roles = ?, name = ? WHERE id = ?").bind(roles, name, found.id).run()
    console.error(`${wanted.email} is now ${name}, with the roles ${roles}`)
  }
  return { subject: found.id, roles: JSON.parse(roles) as string[] }
}

interface UserRow {
  id: string
  name: string | null
  roles: string
  stands: number
}

async function findUser(db: D1Database, email: string): Promise<UserRow | null> {
  return db
    .prepare(`SELECT u.id, u.name, u.roles, ${STANDS} AS stands FROM _users u WHERE u.email = ?`)
    .bind(Date.now(), email)
    .first<UserRow>()
}

async function createUser(db: D1Database, wanted: Wanted): Promise<UserRow> {
  const name = wanted.name ?? wanted.email.slice(0, wanted.email.indexOf("@"))
  const roles = JSON.stringify(wanted.roles ?? [])
  await db
    .prepare(
      `INSERT INTO _users (id, email, name, roles, created_at, updated_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1)
       ON CONFLICT (email) DO NOTHING`,
    )
    .bind(newId(), wanted.email, name, roles, Date.now())
    .run()
  console.error(`Created ${wanted.email} (${name}), with the roles ${roles}`)
  return (await findUser(db, wanted.email))!
}

function explain(error: unknown): string {
  if (String(error).includes("no such table")) return "The database is empty: run npm run dev first."
  const isUsage = error instanceof TypeError
  return isUsage ? error.message : String((error as Error).stack ?? error)
}

/** `npm run user`: accounts from the command line, in the local database or, with `--remote`, in the deployed one. */

import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { parseArgs } from "node:util"
import { FOREVER } from "../src/auth/administration.ts"
import { commonPasswords } from "../src/auth/common-passwords.ts"
import { newPasswordQueries } from "../src/auth/new-password.ts"
import { LIFETIME_MS, mint } from "../src/auth/one-time.ts"
import { refusePassword } from "../src/auth/password-rules.ts"
import { createPasswords } from "../src/auth/passwords.ts"
import { createSecrets } from "../src/auth/secrets.ts"
import { endSessions } from "../src/auth/sessions.ts"
import { normalEmail } from "../src/auth/users.ts"
import type { Query, ResultRow } from "../src/db/query.ts"
import { newId } from "../src/schema/record-id.ts"
import { type D1Target, openTarget, type TargetDatabase } from "./d1.ts"
import { ensureDevVars, PROJECT_ROOT } from "./local-env.ts"

const USAGE = `npm run user -- create   --email ADDRESS [--name NAME] [--role ROLE]...
npm run user -- role     --email ADDRESS [--role ROLE]...
npm run user -- password --email ADDRESS
npm run user -- ban      --email ADDRESS
npm run user -- unban    --email ADDRESS

create    makes the account and prints a link, good for once and 24 hours, under which its owner chooses a password
role      gives the account exactly these roles
password  reads a new password from standard input, on this machine; with --remote it prints such a link instead
ban       ends the account's sessions and lets it sign in no more; unban lets it again

  --remote          the deployed database, instead of that on this machine
  --url ORIGIN      where the API is reached, for the link (default: http://localhost:8787; needed with --remote)
  --persist-to DIR  where the local database lies (default: .wrangler/state)`

/** Node's; the types in force here are those of Workers, which can't compile. */
const { compile } = WebAssembly as unknown as { compile(bytes: Uint8Array): Promise<WebAssembly.Module> }

const COMMANDS = ["create", "role", "password", "ban", "unban"] as const
type Command = (typeof COMMANDS)[number]

interface Order {
  readonly target: D1Target
  readonly command: Command
  readonly email: string
  readonly name: string | null
  readonly roles: readonly string[]
  readonly url: string
}

try {
  const order = readOrder(process.argv.slice(2))
  console.log(order ? await run(order) : USAGE)
} catch (error) {
  console.error(error instanceof TypeError ? error.message : String((error as Error).stack ?? error))
  process.exitCode = 1
}

/** @returns Undefined when only help is asked for. */
function readOrder(args: string[]): Order | undefined {
  const { values: flags, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      email: { type: "string" },
      name: { type: "string" },
      role: { type: "string", multiple: true, default: [] },
      url: { type: "string" },
      remote: { type: "boolean", default: false },
      "persist-to": { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  if (flags.help) return undefined
  const command = COMMANDS.find((known) => known === positionals[0])
  if (!command || positionals.length > 1) throw new TypeError(`Say what to do: ${COMMANDS.join(", ")}.\n\n${USAGE}`)
  const email = normalEmail(flags.email?.trim() ?? "")
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new TypeError("--email: an address is needed")
  if (flags.remote && !flags.url && (command === "create" || command === "password"))
    throw new TypeError("--url: with --remote, say where the API is reached, such as https://api.shop.example")
  const url = flags.url ?? "http://localhost:8787"
  if (!URL.canParse(url)) throw new TypeError(`--url: "${url}" is no address of an API`)
  return {
    command,
    email,
    name: flags.name?.trim() || null,
    roles: [...new Set(flags.role)],
    url: new URL(url).origin,
    target: { remote: flags.remote, persistTo: flags["persist-to"] },
  }
}

async function run(order: Order): Promise<string> {
  const { execute, dispose } = await openTarget(order.target)
  try {
    return await obey({ ...order, execute })
  } finally {
    await dispose()
  }
}

async function obey(order: OpenOrder): Promise<string> {
  if (order.command === "create") return create(order)
  const user = await find(order)
  if (order.command === "role") return setRoles(order, user)
  if (order.command === "ban" || order.command === "unban") return setBan(order, user)
  return order.target.remote ? invite(order, user.id) : setPassword(order, user)
}

type OpenOrder = Order & Pick<TargetDatabase, "execute">

interface Account {
  readonly id: string
  readonly name: string | null
  /** Whether its owner has shown that the address is theirs. */
  readonly isProved: boolean
}

async function find(order: OpenOrder): Promise<Account> {
  const [rows] = await order.execute([selectUser(order.email)])
  if (!rows?.[0]) throw new TypeError(`${order.email} has no account: npm run user -- create --email ${order.email}`)
  return toAccount(rows[0])
}

/** Its owner proves the address by the link, which reaches nobody else. */
async function create(order: OpenOrder): Promise<string> {
  const { email, name, roles } = order
  const id = newId()
  const [, rows] = await order.execute([
    {
      sql: `INSERT INTO _users (id, email, name, roles, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
ON CONFLICT DO NOTHING`,
      params: [id, email, name, JSON.stringify(roles), Date.now()],
    },
    selectUser(email),
  ])
  if (rows![0]!.id !== id) throw new TypeError(`${email} has an account already.`)
  return invite(order, id, [event(id, "sign_up", { by: "operator", roles: roles.join(" ") })])
}

/** @param also Statements of the same errand. */
async function invite(order: OpenOrder, userId: string, also: readonly Query[] = []): Promise<string> {
  const { secret, queries } = mint(Date.now(), { purpose: "invite", userId, subject: userId })
  await order.execute([...also, ...queries])
  const hours = LIFETIME_MS.invite / 3_600_000
  return `Open this within ${hours} hours to choose the password of ${order.email}; it works once:
${order.url}/v1/auth/pages/reset?token=${secret}`
}

async function setRoles(order: OpenOrder, { id, isProved }: Account): Promise<string> {
  if (order.roles.length > 0 && !isProved)
    console.error(`Nobody has confirmed ${order.email} yet: make sure that this account is of whom you mean.`)
  await order.execute([
    { sql: "UPDATE _users SET roles = ? WHERE id = ?", params: [JSON.stringify(order.roles), id] },
    event(id, "account_changed", { by: "operator", roles: order.roles.join(" ") }),
  ])
  return `${order.email} has the roles ${JSON.stringify(order.roles)}; signed-in devices see them within 10 minutes.`
}

async function setBan(order: OpenOrder, { id }: Account): Promise<string> {
  const now = Date.now()
  const banned = order.command === "ban"
  await order.execute([
    {
      sql: "UPDATE _users SET banned_until = ? WHERE id = ?",
      params: [banned ? FOREVER : null, id],
    },
    ...(banned ? [endSessions(id, now)] : []),
    event(id, "account_changed", { by: "operator", banned }),
  ])
  return banned ? `${order.email} is banned, and its sessions have ended.` : `${order.email} may sign in again.`
}

async function setPassword(order: OpenOrder, { id, name }: Account): Promise<string> {
  if (process.stdin.isTTY) console.error("Type the new password and press Enter, then Ctrl-D:")
  const password = (await text(process.stdin)).replace(/\r?\n$/, "")
  const { backend } = await import("../app/backend.ts")
  const { minLength } = backend.auth?.password ?? { minLength: 8 }
  const refusal = refusePassword(password, {
    email: order.email,
    name: name ?? undefined,
    projectName: backend.auth?.name ?? "",
    minLength,
    common: commonPasswords(await readFile(join(PROJECT_ROOT, "src/auth/common-passwords.txt"), "utf8")),
  })
  if (refusal) throw new TypeError(`The password ${refusal.message}.`)
  const secrets = createSecrets(await ensureDevVars(PROJECT_ROOT))
  const module = await compile(await readFile(join(PROJECT_ROOT, "src/auth/argon2.wasm")))
  const hash = await createPasswords({ module, secrets }).hash(password)
  const now = Date.now()
  await order.execute([
    ...newPasswordQueries({ userId: id, email: order.email }, hash, now),
    event(id, "password_changed", { by: "operator" }),
  ])
  return `${order.email} has a new password, and its sessions have ended.`
}

function selectUser(email: string): Query {
  return { sql: "SELECT id, name, email_verified FROM _users WHERE email = ? AND deleted_at IS NULL", params: [email] }
}

function event(userId: string, name: string, detail: object): Query {
  return {
    sql: "INSERT INTO _auth_events (at, event, user_id, actor, result, detail) VALUES (?, ?, ?, 'operator', 'ok', ?)",
    params: [Date.now(), name, userId, JSON.stringify(detail)],
  }
}

function toAccount(row: ResultRow): Account {
  return { id: row.id as string, name: row.name as string | null, isProved: row.email_verified === 1 }
}

/** Sends a mail when its job runs. Its secret is made here, so that none waits anywhere. */

import type { Clock } from "../core/clock.ts"
import { JobFailure } from "../core/job.ts"
import type { Query, ResultRow } from "../db/query.ts"
import type { MailFacts } from "../mail/compose.ts"
import { MailError, type MailTransport } from "../mail/mail.ts"
import type { MailPurpose } from "../mail/templates.ts"
import type { MailInput, OrderedMail } from "./context.ts"
import { mintCode } from "./email-codes.ts"
import { keyOf, type OrderKey, voidOrder } from "./mail-orders.ts"
import { type MintedForMail, mintLink, storeQueries } from "./mailed-secrets.ts"
import { LIFETIME_MS } from "./one-time.ts"
import type { Secrets } from "./secrets.ts"
import type { AuthSettings } from "./settings.ts"
import { STANDS } from "./users.ts"

export interface MailRoom {
  readonly settings: Pick<AuthSettings, "name" | "templates">
  readonly secrets: Secrets
  readonly transport: MailTransport
  readonly now: Clock
  /** Runs statements as one transaction. */
  write(queries: readonly Query[]): Promise<ResultRow[][]>
}

/**
 * `void`: a newer mail, a new password or the end of its account has taken the mail's place. `used`: an earlier attempt
 * has got through after all. `no_account`: there is none that may be used.
 */
export type MailResult = { readonly sent: MailPurpose } | { readonly notSent: "void" | "used" | "no_account" }

/** The pages that links lead to. */
const PAGES = { "verify-email": "verify", "sign-in-link": "sign-in", "reset-password": "reset" } as const

/** @throws MailError, or `JobFailure` where another attempt can't help. */
export async function sendMail(room: MailRoom, input: MailInput): Promise<MailResult> {
  return input.purpose === "password-changed" ? notify(room, input) : sendOrdered(room, input.purpose, input.order)
}

async function notify(
  room: MailRoom,
  { purpose, userId }: Extract<MailInput, { userId: string }>,
): Promise<MailResult> {
  const [rows] = await room.write([
    {
      sql: `SELECT u.email FROM _users u WHERE u.id = ? AND u.email IS NOT NULL AND ${STANDS}`,
      params: [userId, room.now()],
    },
  ])
  const email = rows![0]?.email as string | undefined
  if (email === undefined) return { notSent: "no_account" }
  await send(room, purpose, { email })
  return { sent: purpose }
}

interface Found {
  readonly to: string
  readonly baseUrl: string
  /** An earlier attempt's secret is gone before its time. */
  readonly isUsed: boolean
  /** Whether the account that the order is of, and the one that has the address, may be used, if they are there. */
  readonly stands: boolean
  /** Whether the address is another account's than that of the order. */
  readonly isTaken: boolean
}

async function sendOrdered(room: MailRoom, mail: OrderedMail, id: string): Promise<MailResult> {
  const key = keyOf(mail, id)
  const found = await find(room, mail, key)
  if (!found) return { notSent: "void" }
  const result = await deliver(room, mail, key, found)
  await room.write([voidOrder(key)])
  return result
}

async function find(
  { write, now }: MailRoom,
  mail: OrderedMail,
  { purpose, hash }: OrderKey,
): Promise<Found | undefined> {
  const at = now()
  const [rows] = await write([
    {
      sql: `SELECT o.payload ->> '$.to' AS "to", o.payload ->> '$.baseUrl' AS "baseUrl",
  coalesce(o.payload ->> '$.minted.until', 0) > ? AND NOT EXISTS (
    SELECT 1 FROM _one_time s WHERE s.purpose = o.purpose AND s.hash = o.payload ->> '$.minted.hash') AS "isUsed",
  NOT EXISTS (SELECT 1 FROM _users u WHERE (u.id = o.user_id OR u.id = owner.id) AND NOT (${STANDS})) AS stands,
  owner.id IS NOT NULL AND owner.id IS NOT o.user_id AS "isTaken"
FROM _one_time o LEFT JOIN _users owner ON owner.email = o.payload ->> '$.to'
WHERE o.purpose = ? AND o.hash = ? AND o.payload ->> '$.mail' = ? AND o.expires_at > ?`,
      params: [at, at, purpose, hash, mail, at],
    },
  ])
  const row = rows![0]
  return (
    row && {
      ...(row as unknown as Found),
      isUsed: row.isUsed === 1,
      stands: row.stands === 1,
      isTaken: row.isTaken === 1,
    }
  )
}

/** @throws What keeps the order for the next attempt. */
async function deliver(room: MailRoom, mail: OrderedMail, key: OrderKey, found: Found): Promise<MailResult> {
  const { to: email, stands, isUsed, isTaken } = found
  if (!stands) return { notSent: "no_account" }
  if (isUsed) return { notSent: "used" }
  if (mail === "email-changed") {
    await send(room, mail, { email })
    return { sent: mail }
  }
  // signing up, or moving to an address, looks the same to whoever asks; its owner is told
  if (isTaken && key.purpose === "verify-email") {
    await send(room, "already-registered", { email })
    return { sent: "already-registered" }
  }
  const minted = await mint(room, key, email)
  if (!minted) return { notSent: "void" }
  await send(room, mail, { email, ...secretFacts(key, found, minted) }, minted.secret)
  return { sent: mail }
}

/** @returns Undefined when the order was taken back meanwhile. */
async function mint(room: MailRoom, key: OrderKey, email: string): Promise<MintedForMail | undefined> {
  const at = room.now()
  const minted = key.purpose === "sign-in-code" ? mintCode(room.secrets, at, email) : mintLink(key, at)
  const rows = await room.write(storeQueries(key, minted))
  return rows.at(-1)!.length > 0 ? minted : undefined
}

function secretFacts({ purpose }: OrderKey, { baseUrl }: Found, { secret }: MintedForMail): Partial<MailFacts> {
  const minutes = LIFETIME_MS[purpose] / 60_000
  if (purpose === "sign-in-code") return { code: secret, minutes }
  return { link: `${baseUrl}/v1/auth/pages/${PAGES[purpose]}?token=${secret}`, minutes }
}

async function send(
  { settings, transport }: MailRoom,
  purpose: MailPurpose,
  facts: Omit<MailFacts, "projectName">,
  secret?: string,
): Promise<void> {
  try {
    const mail = settings.templates[purpose]({ projectName: settings.name, ...facts })
    await transport.send({ to: facts.email, purpose, ...mail })
  } catch (error) {
    if (!(error instanceof MailError)) throw withoutSecret(error, secret)
    throw error.isLasting ? new JobFailure(error.message, { final: true, cause: error }) : error
  }
}

/** A template of the application's own may quote what it was given, and a job keeps its errors. */
function withoutSecret(error: unknown, secret: string | undefined): JobFailure {
  const text = String(error)
  return new JobFailure(secret === undefined ? text : text.replaceAll(secret, "…"))
}

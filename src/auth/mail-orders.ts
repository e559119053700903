/**
 * Mails that wait for their job. What a mail is to prove, and to whom it goes, stands in `_one_time` without a secret;
 * the job makes one when it runs, and the order goes when the mail is on its way.
 */

import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import type { AuthContext, OrderedMail } from "./context.ts"
import { type OneTimePurpose, voidOlder } from "./one-time.ts"
import { STANDS } from "./users.ts"

/** A mail that couldn't be sent by then is given up, with what it was to prove. */
const KEPT_MS = 7 * 24 * 3_600_000
/** Stands before an order's id in place of a hash. No secret has such a hash, so nobody can redeem an order. */
const ORDER_MARK = "mail:"

/** As what each is kept: the purpose of its secret, or, of a notice, one that a new password leaves alone. */
const KEPT_AS = {
  "verify-email": "verify-email",
  "change-email": "verify-email",
  "email-changed": "verify-email",
  "sign-in-link": "sign-in-link",
  "sign-in-code": "sign-in-code",
  "reset-password": "reset-password",
} as const satisfies Record<OrderedMail, OneTimePurpose>

/** The columns that name an order. */
export interface OrderKey {
  readonly purpose: (typeof KEPT_AS)[OrderedMail]
  readonly hash: string
}

export function keyOf(mail: OrderedMail, id: string): OrderKey {
  return { purpose: KEPT_AS[mail], hash: `${ORDER_MARK}${id}` }
}

interface What {
  /** The address that the mail goes to. */
  readonly to: string
  readonly userId?: string | null
  /** A newer order of the same purpose and subject takes the place of the older one, and of its secret. */
  readonly subject?: string
  /** Leaves the older ones of the subject as they are. */
  readonly besideOlder?: boolean
  /** What is found again when the secret is redeemed. */
  readonly payload?: Readonly<Record<string, unknown>>
}

export interface Order {
  /** The order and the job that sends it, for one batch. */
  readonly queries: readonly Query[]
  /** To be called once they are committed. */
  readonly committed: () => void
  /** Takes the order back; its job then sends nothing. */
  readonly voided: Query
}

export function orderMail(context: AuthContext, mail: OrderedMail, what: What): Order {
  const { to, userId = null, subject = null, besideOlder = false, payload = {} } = what
  return order(context, mail, besideOlder ? null : subject, ({ purpose, hash }, expiresAt) => ({
    sql: "INSERT INTO _one_time (purpose, hash, user_id, subject, payload, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
    params: [purpose, hash, userId, subject, orderPayload(context, mail, to, payload), expiresAt],
  }))
}

/**
 * The mail of a reset, if the address has an account that stands; at the same cost if not, as its job then finds no order.
 * The last statement gives the account's id.
 */
export function orderReset(context: AuthContext, email: string): Order {
  const made = order(context, "reset-password", email, ({ purpose, hash }, expiresAt) => ({
    sql: `INSERT INTO _one_time (purpose, hash, user_id, subject, payload, expires_at)
SELECT ?, ?, u.id, u.email, ?, ? FROM _users u WHERE u.email = ? AND ${STANDS}`,
    params: [purpose, hash, orderPayload(context, "reset-password", email, {}), expiresAt, email, context.now()],
  }))
  const { purpose, hash } = made.key
  const select = 'SELECT user_id AS "userId" FROM _one_time WHERE purpose = ? AND hash = ?'
  return { ...made, queries: [...made.queries, { sql: select, params: [purpose, hash] }] }
}

function order(
  context: AuthContext,
  mail: OrderedMail,
  replaced: string | null,
  insert: (key: OrderKey, expiresAt: number) => Query,
): Order & { key: OrderKey } {
  const id = newId()
  const key = keyOf(mail, id)
  const job = context.mailJob({ purpose: mail, order: id })
  return {
    key,
    queries: [...voidOlder(key.purpose, replaced), insert(key, context.now() + KEPT_MS), job.toSQL()],
    committed: () => job.committed(),
    voided: voidOrder(key),
  }
}

/** All that matters is kept here, not in the job: what an operator changes there can lead no secret elsewhere. */
function orderPayload({ baseUrl }: AuthContext, mail: OrderedMail, to: string, payload: What["payload"]): string {
  return JSON.stringify({ mail, to, baseUrl, payload })
}

export function voidOrder({ purpose, hash }: OrderKey): Query {
  return { sql: "DELETE FROM _one_time WHERE purpose = ? AND hash = ?", params: [purpose, hash] }
}

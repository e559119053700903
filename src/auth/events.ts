/** The audit: what happened to accounts. No event carries a secret. */

import type { Query } from "../db/query.ts"
import type { AuthContext } from "./context.ts"

export type AuthEventName =
  | "sign_up"
  | "sign_in"
  | "sign_out"
  | "locked"
  | "session_ended"
  | "token_reused"
  | "email_verified"
  | "email_change_asked"
  | "email_changed"
  | "password_changed"
  | "password_reset_asked"
  | "password_reset"
  | "factor_added"
  | "factor_removed"
  | "recovery_codes_made"
  | "identity_linked"
  | "accounts_merged"
  | "key_made"
  | "key_revoked"
  | "account_changed"
  | "account_deleted"

export interface AuthEvent {
  event: AuthEventName
  userId: string | null | { readonly ofSession: string } | { readonly ofAccount: string }
  /** `ok` unless told. */
  result?: "ok" | "refused"
  /** Such as the method; never a secret. */
  detail?: Readonly<Record<string, string | number | boolean | null>>
}

/** @param condition SQL without parameters that must hold for the event to be written, such as `changes() = 1`. */
export function eventQuery(context: AuthContext, event: AuthEvent, condition = "true"): Query {
  const { caller, client, now } = context
  const { userId } = event
  const subject = subjectOf(userId)
  const self = event.result === "refused" || typeof userId === "object" ? null : userId
  return {
    sql: `INSERT INTO _auth_events (at, event, user_id, actor, ip, result, detail)
SELECT ?, ?, ${subject.sql}, ?, ?, ?, ? WHERE ${condition}`,
    params: [
      now(),
      event.event,
      ...subject.params,
      caller.kind === "anonymous" ? self : caller.id,
      client.ip ?? null,
      event.result ?? "ok",
      event.detail ? JSON.stringify(event.detail) : null,
    ],
  }
}

/** An account is named by its id or its address. */
function subjectOf(userId: AuthEvent["userId"]): Query {
  if (userId === null || typeof userId === "string") return { sql: "?", params: [userId] }
  if ("ofSession" in userId) {
    return { sql: "(SELECT user_id FROM _sessions WHERE id = ?)", params: [userId.ofSession] }
  }
  const { ofAccount } = userId
  return { sql: "(SELECT id FROM _users WHERE id = ? OR email = ?)", params: [ofAccount, ofAccount] }
}

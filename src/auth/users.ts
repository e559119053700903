/** Accounts, as statements and as the wire shows them. */

import type { Query, ResultRow } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"

/** An account as its own user sees it. */
export interface User {
  readonly id: string
  readonly email: string | null
  readonly emailVerified: boolean
  readonly name: string | null
  readonly roles: readonly string[]
  readonly isAnonymous: boolean
  readonly mfa: boolean
  readonly createdAt: string
  readonly updatedAt: string
}

/** The columns that {@link toUser} reads, of `_users AS u`. */
export const USER_COLUMNS = `u.id AS "userId", u.email, u.email_verified AS "emailVerified", u.name, u.roles,
  u.is_anonymous AS "isAnonymous", u.mfa, u.created_at AS "createdAt", u.updated_at AS "updatedAt"`

/** Whether the account `u` may be used; its parameter is the time. */
export const STANDS = "u.deleted_at IS NULL AND (u.banned_until IS NULL OR u.banned_until <= ?)"

export function toUser(row: ResultRow): User {
  return {
    id: row.userId as string,
    email: row.email as string | null,
    emailVerified: row.emailVerified === 1,
    name: row.name as string | null,
    roles: JSON.parse(row.roles as string) as string[],
    isAnonymous: row.isAnonymous === 1,
    mfa: row.mfa === 1,
    createdAt: new Date(row.createdAt as number).toISOString(),
    updatedAt: new Date(row.updatedAt as number).toISOString(),
  }
}

/** Addresses are compared without regard to case, so they are kept in lower case. */
export function normalEmail(email: string): string {
  return email.normalize("NFC").toLowerCase()
}

export interface NewUser {
  email: string | null
  emailVerified?: boolean
  name?: string | null
  isAnonymous?: boolean
}

/** @returns The new account's id and the statement; an address that is taken breaks a UNIQUE constraint. */
export function insertUser(user: NewUser, now: number): { id: string; query: Query } {
  const id = newId()
  return {
    id,
    query: {
      sql: `INSERT INTO _users (id, email, email_verified, name, is_anonymous, created_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)`,
      params: [id, user.email, user.emailVerified ? 1 : 0, user.name ?? null, user.isAnonymous ? 1 : 0, now],
    },
  }
}

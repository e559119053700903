/** What every flow of sign-in needs: who asks, from where, of which backend. */

import type { DrizzleD1Database } from "drizzle-orm/d1"
import type { Caller } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import type { Enqueued } from "../core/job.ts"
import type { Database } from "../db/database.ts"
import type { Query } from "../db/query.ts"
import type { CommonPasswords } from "./common-passwords.ts"
import type { Passwords } from "./passwords.ts"
import type { Secrets } from "./secrets.ts"
import type { AuthSettings } from "./settings.ts"
import type { Tokens } from "./tokens.ts"

/** Where a request comes from, as its user will see it in the list of sessions. */
export interface Client {
  readonly ip: string | undefined
  readonly userAgent: string | undefined
  /** City and country, where the platform knows them. */
  readonly place: string | undefined
}

export type GuessFlow = "signIn" | "emailCode" | "secondFactor" | "passkey"

/** Limits against guessing; `account` is a user's id, or an address as accounts are looked up. */
export interface Guessing {
  /**
   * Runs one guess, which says whether it was right.
   * @throws SelvedgeError `rate_limited`
   */
  guess<T>(flow: GuessFlow, account: string | undefined, run: () => Promise<{ ok: boolean; value: T }>): Promise<T>
  /** Counts one event. @throws SelvedgeError `rate_limited` */
  count(flow: "mail" | "signUp" | "start", account?: string): Promise<void>
  /** Forgets wrong guesses, after the owner has proved to be the one. */
  clear(flow: GuessFlow, account: string): void
}

/** What a mail whose job finds in `_one_time` what to prove, and to whom, is about. */
export type OrderedMail =
  | "verify-email"
  | "change-email"
  | "email-changed"
  | "sign-in-link"
  | "sign-in-code"
  | "reset-password"

/** What the job of a mail is told: whom or what the mail is about. Never a secret, nor an address. */
export type MailInput =
  | { readonly purpose: OrderedMail; readonly order: string }
  | { readonly purpose: "password-changed"; readonly userId: string }

export interface AuthContext {
  readonly settings: AuthSettings
  readonly db: Database
  readonly caller: Caller
  readonly client: Client
  readonly secrets: Secrets
  readonly tokens: Tokens
  readonly passwords: Passwords
  readonly commonPasswords: CommonPasswords
  readonly guessing: Guessing
  /** Where this API is reached: scheme, host and port. */
  readonly baseUrl: string
  readonly now: Clock
  /** What the application's hooks build their statements with. */
  readonly orm: DrizzleD1Database
  /** The job that sends a mail, for the batch that it follows from. */
  mailJob(input: MailInput): Enqueued
  /** Writes statements after the answer, such as the audit of a refusal, whose own batch was never made. */
  writeLater(queries: readonly Query[]): void
  /** Takes work that ends after the answer; its failure is an error in the log. */
  later(work: Promise<unknown>): void
}

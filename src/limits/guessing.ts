/** How often may be guessed, mailed and signed up. Access tokens, keys and refresh tokens can't be guessed at all. */

import type { FlowLimit } from "./tally.ts"

export type Limit = Omit<FlowLimit, "flow">

const MINUTE_MS = 60_000

/** What a flow is counted by. */
export interface Limits {
  /** The account, or the recipient of a mail. */
  readonly account?: Limit
  /** The caller's address. */
  readonly address?: Limit
  /** One account from one address: so one address alone can't use up what an account's owner may get. */
  readonly both?: Limit
}

export const GUESSING = {
  signIn: {
    account: { limit: 10, windowMs: 5 * MINUTE_MS, mostConsecutive: 100 },
    address: { limit: 50, windowMs: 5 * MINUTE_MS },
  },
  emailCode: {
    account: { limit: 20, windowMs: 60 * MINUTE_MS },
    address: { limit: 50, windowMs: 5 * MINUTE_MS },
  },
  secondFactor: { account: { limit: 10, windowMs: 15 * MINUTE_MS, mostConsecutive: 100 } },
  passkey: { address: { limit: 50, windowMs: 5 * MINUTE_MS } },
  mail: {
    account: { limit: 40, windowMs: 15 * MINUTE_MS },
    address: { limit: 100, windowMs: 15 * MINUTE_MS },
    both: { limit: 10, windowMs: 15 * MINUTE_MS },
  },
  signUp: { address: { limit: 200, windowMs: 60 * MINUTE_MS } },
  start: { address: { limit: 300, windowMs: 15 * MINUTE_MS } },
} as const satisfies Record<string, Limits>

/** Failures count. */
export type GuessFlow = "signIn" | "emailCode" | "secondFactor" | "passkey"
/** Every event counts; `start` is a ceremony or a way to a provider that somebody begins. */
export type EventFlow = "mail" | "signUp" | "start"

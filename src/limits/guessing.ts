/** How often may be guessed, mailed and signed up. Access tokens, keys and refresh tokens can't be guessed at all. */

import type { FlowLimit } from "./tally.ts"

export type Limit = Omit<FlowLimit, "flow">

const MINUTE_MS = 60_000

/** Per account or recipient, and per address of the caller. */
export const GUESSING = {
  signIn: {
    account: { limit: 10, windowMs: 5 * MINUTE_MS, mostConsecutive: 100 },
    address: { limit: 50, windowMs: 5 * MINUTE_MS },
  },
  emailCode: {
    account: { limit: 20, windowMs: 60 * MINUTE_MS },
    address: { limit: 50, windowMs: 5 * MINUTE_MS },
  },
  secondFactor: { account: { limit: 10, windowMs: 15 * MINUTE_MS } },
  mail: {
    account: { limit: 10, windowMs: 15 * MINUTE_MS },
    address: { limit: 100, windowMs: 15 * MINUTE_MS },
  },
  signUp: { address: { limit: 200, windowMs: 60 * MINUTE_MS } },
} as const satisfies Record<string, { account?: Limit; address?: Limit }>

/** Failures count. */
export type GuessFlow = "signIn" | "emailCode" | "secondFactor"
/** Every event counts. */
export type EventFlow = "mail" | "signUp"

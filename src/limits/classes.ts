/** The classes of limits that a backend declares. */

import type { Rule } from "./gcra.ts"

export interface ClassOptions {
  /** Units of cost in a window; most requests cost one. */
  limit: number
  /** Seconds. */
  windowS: number
  /** Units that may be spent at once; as many as the limit unless told. */
  burst?: number
  /** What becomes of requests while the limiter can't be reached: they pass unless told. */
  whenDown?: "pass" | "refuse"
}

/**
 * By name. Each caller has its own account in each class. `default` is for everything that has no other class, 600 in 60
 * seconds unless told; `auth` for `/v1/auth`; `write` for methods that write. Others are for the collections and routes
 * that name them.
 */
export type LimitsOptions = Readonly<Record<string, ClassOptions>>

export interface LimitClass {
  readonly name: string
  readonly rule: Rule
  readonly passesWhenDown: boolean
  /** The header `RateLimit-Policy`. */
  readonly policy: string
}

export type LimitClasses = ReadonlyMap<string, LimitClass>

export const DEFAULT_CLASS = "default"
const DEFAULT: ClassOptions = { limit: 600, windowS: 60 }
const NAME = /^[a-z][A-Za-z0-9]{0,31}$/
/** So that counting stays exact in whole numbers. */
const MOST_UNITS = 1_000_000
const LONGEST_WINDOW_S = 86_400

/** @throws TypeError that names the class, what is wrong there and how to mend it. */
export function compileClasses(options: LimitsOptions): LimitClasses {
  const all = Object.entries({ [DEFAULT_CLASS]: DEFAULT, ...options })
  return new Map(all.map(([name, declared]) => [name, compileClass(name, declared)]))
}

function compileClass(name: string, { limit, windowS, burst = limit, whenDown = "pass" }: ClassOptions): LimitClass {
  if (!NAME.test(name)) fail(name, "the name is not camelCase letters and digits", "rename the class")
  requireWhole(`${name}.limit`, limit, MOST_UNITS)
  requireWhole(`${name}.windowS`, windowS, LONGEST_WINDOW_S)
  requireWhole(`${name}.burst`, burst, MOST_UNITS)
  if (whenDown !== "pass" && whenDown !== "refuse")
    fail(`${name}.whenDown`, "there is no such choice", "use pass or refuse")
  // names of other makers' parameters begin with theirs, draft-ietf-httpapi-ratelimit-headers-10 §3
  const policy = `"${name}";q=${limit};w=${windowS}${burst === limit ? "" : `;selvedge-burst=${burst}`}`
  return { name, rule: { limit, windowMs: windowS * 1000, burst }, passesWhenDown: whenDown === "pass", policy }
}

function requireWhole(place: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most)
    fail(place, `${value} is no whole number from 1 to ${most}`, "choose one")
}

function fail(place: string, wrong: string, mend: string): never {
  throw new TypeError(`limits.${place}: ${wrong}; ${mend}`)
}

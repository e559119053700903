/** How much a property is tried: the normal run repeats the same cases, the long run draws new ones each time. */

import { env } from "cloudflare:workers"
import type { Parameters } from "fast-check"

export const LONG = env.TEST_LONG !== ""
/** Milliseconds of one property. */
export const TIMEOUT = LONG ? 3_600_000 : 120_000

const SEED = 20_261_120

/** The parameters of `fc.assert`; a failure prints its seed and the smallest case. */
export function runs<T>(normal: number, long: number): Parameters<T> {
  return LONG ? { numRuns: long } : { numRuns: normal, seed: SEED }
}

/**
 * The arithmetic of a limit: GCRA, the generic cell rate algorithm (ITU-T I.371), as a debt that drains evenly. Counted
 * in ticks, which are whole numbers: a unit of cost is `windowMs` ticks, and `limit` ticks drain each millisecond.
 */

export interface Rule {
  /** Units that drain in a window. */
  readonly limit: number
  readonly windowMs: number
  /** Units that may be spent at once. */
  readonly burst: number
}

/** Ticks still owed; times that run backwards drain nothing. */
export function drain(debt: number, elapsedMs: number, { limit }: Rule): number {
  return elapsedMs > 0 ? Math.max(0, debt - elapsedMs * limit) : debt
}

/** Whether `cost` units fit beside the debt and the units that are held for others. */
export function fits(debt: number, held: number, cost: number, { windowMs, burst }: Rule): boolean {
  return debt <= (burst - held - cost) * windowMs
}

/** Units that may be spent at once. */
export function freeUnits(debt: number, held: number, { windowMs, burst }: Rule): number {
  return Math.max(0, Math.floor((burst * windowMs - debt) / windowMs) - held)
}

/** Milliseconds until so many ticks have drained. */
export function drainMs(ticks: number, { limit }: Rule): number {
  return Math.max(0, Math.ceil(ticks / limit))
}

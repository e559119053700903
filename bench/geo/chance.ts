/** Chance that repeats: the same seed gives the same numbers. */

export interface Spread {
  readonly medianMs: number
  readonly p95Ms: number
}

export interface Chance {
  /** From 0 up to 1. */
  next(): number
  happens(share: number): boolean
  /** A log-normal with this median and this 95th percentile. */
  time(spread: Spread): number
}

/** The 95th percentile of the standard normal. */
const Z95 = 1.6448536269514722

/** The generator is mulberry32, the normal by Box and Muller. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    happens: (share) => next() < share,
    time({ medianMs, p95Ms }) {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
      return medianMs * (p95Ms / medianMs) ** (normal / Z95)
    },
  }
}

/** @param share 0.5 is the median. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

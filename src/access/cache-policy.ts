/** How long answers of a collection may be kept. */

export interface CacheOptions {
  /** Seconds, 1 to 86,400: no answer is older. Most are far younger, since changes are told to all isolates. */
  maxAge: number
  /** Seconds after `maxAge` in which the old answer is given while another is made; 0 unless told. */
  staleWhileRevalidate?: number
  /** Seconds after `maxAge` in which the last good answer stands in when the database fails; 3,600 unless told. */
  staleIfError?: number
  /** Seconds for which a CDN may keep an answer, and asks nobody; it learns of no change. Without it none keeps any. */
  shared?: number
}

export interface CachePolicy {
  readonly maxAgeMs: number
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** `Cache-Control` of what everybody may see. */
  readonly header: string
}

const MOST_S = 86_400
const STALE_IF_ERROR_S = 3_600

/** @throws TypeError that names the option. */
export function cachePolicy(place: string, options: CacheOptions): CachePolicy {
  const { maxAge, staleWhileRevalidate = 0, staleIfError = STALE_IF_ERROR_S, shared } = options
  for (const [name, value, least] of [
    ["maxAge", maxAge, 1],
    ["staleWhileRevalidate", staleWhileRevalidate, 0],
    ["staleIfError", staleIfError, 0],
    ["shared", shared ?? 0, 0],
  ] as const) {
    if (Number.isInteger(value) && value >= least && value <= MOST_S) continue
    throw new TypeError(
      `${place}.${name}: ${value} is not a number of seconds; give a whole one, ${least} to ${MOST_S}`,
    )
  }
  return {
    maxAgeMs: maxAge * 1_000,
    staleWhileRevalidateMs: staleWhileRevalidate * 1_000,
    staleIfErrorMs: staleIfError * 1_000,
    header: headerOf(shared, staleWhileRevalidate),
  }
}

/** Without a limit of its own, Cloudflare's cache would give an old answer in place of an error for ever. */
function headerOf(shared: number | undefined, staleWhileRevalidate: number): string {
  if (!shared) return "public, max-age=0, must-revalidate"
  const revalidate = staleWhileRevalidate > 0 ? `, stale-while-revalidate=${staleWhileRevalidate}` : ""
  return `public, max-age=0, s-maxage=${shared}${revalidate}, stale-if-error=0`
}

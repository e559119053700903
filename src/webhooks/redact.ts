/** What a receiver answered, as the log of deliveries keeps it: its beginning, without anything that looks secret. */

const MOST_CHARS = 1_024
/** Looked at, so that a secret that is cut in two is found whole. */
const LOOKED_AT_CHARS = 8 * MOST_CHARS
const REMOVED = "[removed]"

/** In JSON, forms, headers, XML: a telling name, and the value after it. */
const NAMED =
  /((?:authorization|cookie|password|passwd|secret|token|signature|api[-_]?key|credentials?)["']?\s*[:=>]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'}<]+(?: +[A-Za-z0-9+/=._~-]{8,})?)/gi
const SCHEMES = /\b(bearer|basic|digest)\s+[A-Za-z0-9+/=._~-]{6,}/gi
/** A token begins where a word does: to look for one at each `-eyJ` takes time by the square of the length. */
const TOKENS = /\bwhsec_[A-Za-z0-9+/=_-]+|(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g

/** @param secrets What must not stand in the log in any case. */
export function redact(text: string, secrets: readonly string[]): string {
  let kept = text.slice(0, LOOKED_AT_CHARS)
  for (const secret of secrets) kept = kept.replaceAll(secret, REMOVED)
  return kept
    .replace(TOKENS, REMOVED)
    .replace(SCHEMES, `$1 ${REMOVED}`)
    .replace(NAMED, `$1${REMOVED}`)
    .slice(0, MOST_CHARS)
    .toWellFormed()
}

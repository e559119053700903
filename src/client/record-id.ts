/**
 * UUIDv7 (RFC 9562): ids that a client can give, so that what it creates has its id at once. Intents have such ids as
 * well: a page that came over plain HTTP has no `crypto.randomUUID`.
 */

/** The 12 bits after the version count within a millisecond. */
const MOST_WITHIN_MS = 0xfff
/** They begin below it at random. */
const FIRST_BELOW = 0x800

let last = { at: 0, count: 0 }

/** Each sorts after those that this page has made before. */
export function newRecordId(now: number = Date.now()): string {
  const [first = 0, variant = 0, ...rest] = crypto.getRandomValues(new Uint16Array(5))
  if (now > last.at) last = { at: now, count: first % FIRST_BELOW }
  else if (last.count < MOST_WITHIN_MS) last.count++
  else last = { at: last.at + 1, count: 0 }
  const at = hex(last.at, 12)
  const random = rest.map((part) => hex(part)).join("")
  return `${at.slice(0, 8)}-${at.slice(8)}-${hex(0x7000 + last.count)}-${hex(0x8000 + (variant % 0x4000))}-${random}`
}

function hex(value: number, digits = 4): string {
  return value.toString(16).padStart(digits, "0")
}

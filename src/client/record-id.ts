/** UUIDv7 (RFC 9562): ids that a client can give, so that what it creates has its id at once. */

/** The 12 bits after the version count within a millisecond. */
const MOST_WITHIN_MS = 0xfff
/** They begin below it at random. */
const FIRST_BELOW = 0x800

let last = { at: 0, count: 0 }

/** Each sorts after those that this page has made before. */
export function newRecordId(now: number = Date.now()): string {
  const random = crypto.randomUUID()
  if (now > last.at) last = { at: now, count: Number(`0x${random.slice(0, 3)}`) % FIRST_BELOW }
  else if (last.count < MOST_WITHIN_MS) last.count++
  else last = { at: last.at + 1, count: 0 }
  const at = hex(last.at, 12)
  return `${at.slice(0, 8)}-${at.slice(8)}-7${hex(last.count, 3)}${random.slice(18)}` // the variant is that of version 4
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0")
}

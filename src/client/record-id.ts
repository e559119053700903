/**
 * UUIDv7 (RFC 9562): ids that a client can give, so that what it creates has its id at once. Intents have such ids as
 * well: a page that came over plain HTTP has no `crypto.randomUUID`.
 */

/** The 12 bits after the version count within a millisecond, and begin below this at random. */
const FIRST_BELOW = 0x800n
/** Of the variant's two bits. */
const VARIANT = 1n << 63n

/** Milliseconds since 1970, and the count. */
let last = 0n

/** Each sorts after those that this page has made before. */
export function newRecordId(now: number = Date.now()): string {
  const [count = 0n, rest = 0n] = new BigUint64Array(crypto.getRandomValues(new Uint8Array(16)).buffer)
  const next = (BigInt(now) << 12n) + (count % FIRST_BELOW)
  last = next > last ? next : last + 1n
  const at = last.toString(16).padStart(15, "0")
  const random = (VARIANT + (rest >> 2n)).toString(16)
  return `${at.slice(0, 8)}-${at.slice(8, 12)}-7${at.slice(12)}-${random.slice(0, 4)}-${random.slice(4)}`
}

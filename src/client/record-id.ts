/** UUIDv7 (RFC 9562): ids that a client can give, so that what it creates has its id at once. */

/** The 12 bits after the version count within a millisecond. */
const MOST_WITHIN_MS = 0xfff
/** They begin below it at random. */
const FIRST_BELOW = 0x800

let last = { at: 0, count: 0 }

/** Each sorts after those that this page has made before. */
export function newRecordId(now: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const view = new DataView(bytes.buffer)
  if (now > last.at) last = { at: now, count: view.getUint16(6) % FIRST_BELOW }
  else if (last.count < MOST_WITHIN_MS) last.count++
  else last = { at: last.at + 1, count: 0 }
  view.setUint32(0, Math.floor(last.at / 0x10000))
  view.setUint16(4, last.at % 0x10000)
  view.setUint16(6, 0x7000 | last.count)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}

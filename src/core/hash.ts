/** Hashes that tell texts apart: of 53 bits, and nothing of security rests on them. */

const encoder = new TextEncoder()

export function hashText(text: string): string {
  return hashBytes(encoder.encode(text))
}

/** Four bytes at a time. The two halves turn by different amounts, so that no later byte undoes a difference in both. */
export function hashBytes(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { length } = bytes
  let high = 0xdeadbeef ^ length
  let low = 0x41c6ce57
  let at = 0
  for (; at + 4 <= length; at += 4) {
    const word = view.getInt32(at, true)
    high = Math.imul(((high << 13) | (high >>> 19)) ^ word, 2654435761)
    low = Math.imul(((low << 19) | (low >>> 13)) ^ word, 1597334677)
  }
  for (; at < length; at++) {
    high = Math.imul(high ^ bytes[at]!, 2654435761)
    low = Math.imul(low ^ bytes[at]!, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36)
}

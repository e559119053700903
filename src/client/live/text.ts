/** Texts as the server compares them. */

/** Negative, zero or positive. By code point, as SQLite orders UTF-8 bytes; JavaScript orders by UTF-16 unit. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return surrogatesLast(x) - surrogatesLast(y)
  }
  return a.length - b.length
}

/** Whether it may be a big number, or a text of digits. */
export function isNumeral(text: unknown): text is string {
  return typeof text === "string" && /^-?\d+$/.test(text)
}

/** -1, 0 or 1. */
export function compareNumerals(a: string, b: string): number {
  const [x, y] = [BigInt(a), BigInt(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

function surrogatesLast(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

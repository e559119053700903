/** Texts as the server compares them. */

/** Negative, zero or positive. By code point, as SQLite orders UTF-8 bytes; JavaScript orders by UTF-16 unit. */
export function compareText(a: string, b: string): number {
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1)
}

/** Whether it may be a big number, or a text of digits. */
export function isNumeral(text: unknown): text is string {
  return typeof text === "string" && /^-?\d+$/.test(text)
}

/** -1, 0 or 1. */
export function compareNumerals(a: string, b: string): number {
  return Math.sign(Number(BigInt(a) - BigInt(b)))
}

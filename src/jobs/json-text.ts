/** Values as the JSON that a row keeps, within its bounds. */

const encoder = new TextEncoder()

/**
 * Undefined becomes null.
 *
 * @throws TypeError for what is no JSON, or takes more bytes.
 */
export function toJsonText(what: string, value: unknown, mostBytes: number): string {
  const text = value === undefined ? "null" : stringify(what, value)
  if (text.length > mostBytes / 3 && encoder.encode(text).length > mostBytes)
    throw new TypeError(`${what} may hold ${mostBytes} bytes`)
  return text
}

function stringify(what: string, value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new TypeError(`${what} is no JSON`, { cause: error })
  }
  if (text === undefined) throw new TypeError(`${what} is no JSON`)
  return text
}

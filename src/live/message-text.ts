/** The data of a message as the JSON that is stored and sent. */

import { SelvedgeError } from "../core/problem.ts"

const MOST_MESSAGE_BYTES = 64 * 1024
const encoder = new TextEncoder()

/**
 * Undefined becomes null.
 *
 * @throws SelvedgeError `payload_too_large`
 * @throws TypeError for what is no JSON.
 */
export function messageText(data: unknown): string {
  const text = stringify(data ?? null)
  if (text.length > MOST_MESSAGE_BYTES / 3 && encoder.encode(text).length > MOST_MESSAGE_BYTES)
    throw new SelvedgeError("payload_too_large", `A message may hold ${MOST_MESSAGE_BYTES} bytes.`)
  return text
}

function stringify(data: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    throw new TypeError("a message's data is no JSON", { cause })
  }
  if (text === undefined) throw new TypeError("a message's data is no JSON")
  return text
}

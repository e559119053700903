/** Values as the JSON that a row keeps, within its bounds. */

import { JobFailure } from "../core/job.ts"

const MOST_RESULT_BYTES = 64 * 1024
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

/**
 * What a job or a step of it gave. The work is done by then: to do it again for a result that can't be kept would help
 * nobody.
 *
 * @throws JobFailure that is final.
 */
export function toResultText(what: string, value: unknown): string {
  try {
    return toJsonText(`${what}: its result`, value, MOST_RESULT_BYTES)
  } catch (error) {
    throw new JobFailure((error as Error).message, { final: true, cause: error })
  }
}

/** For what is shown or read beside other rows: one that was damaged must not hide them. */
export function readJsonText<T>(text: unknown, otherwise: T): T {
  if (typeof text !== "string") return otherwise
  try {
    return JSON.parse(text)
  } catch {
    return otherwise
  }
}

/** As {@link readJsonText}; nothing where it is no list. */
export function readJsonList<T>(text: unknown): T[] {
  const list = readJsonText<unknown>(text, [])
  return Array.isArray(list) ? list : []
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

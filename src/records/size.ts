/** Bounds of one record: with its change, old and new, it must fit a row of D1 (2 MB). */

import { SelvedgeError } from "../core/problem.ts"
import type { Field } from "./input.ts"

export const MOST_RECORD_BYTES = 256 * 1024

/** @throws SelvedgeError `payload_too_large` */
export function requireSize(fields: readonly Field[]): void {
  let bytes = 0
  for (const { stored } of fields) if (typeof stored === "string") bytes += stored.length
  if (bytes * 3 <= MOST_RECORD_BYTES) return
  const encoder = new TextEncoder()
  bytes = 0
  for (const { column, stored } of fields) {
    if (typeof stored === "string") bytes += column.kind === "blob" ? stored.length / 2 : encoder.encode(stored).length
  }
  if (bytes > MOST_RECORD_BYTES) throw tooLarge()
}

export function tooLarge(): SelvedgeError {
  return new SelvedgeError("payload_too_large", `A record may hold ${MOST_RECORD_BYTES} bytes.`)
}

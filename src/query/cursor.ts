/** Cursors: base64url of the sort keys' values and a hash of the sort and filter that they belong to. */

import { invalidQuery } from "../core/problem.ts"
import type { Column } from "../schema/columns.ts"
import { type Stored, textFault } from "../schema/values.ts"

const VERSION = 1
const ASCII = /^[ -~]*$/
const LONGEST_CURSOR = 8_192

/** A sort key; without a column it is a computed number. */
export interface CursorKey {
  readonly column: Pick<Column, "kind" | "nullable"> | undefined
}

export function encodeCursor(values: readonly Stored[], hash: string): string {
  // Beyond Latin-1 the text must become bytes first, and `btoa` takes each byte as a character.
  const json = JSON.stringify({ v: VERSION, k: values, h: hash })
  const binary = ASCII.test(json) ? json : String.fromCharCode(...new TextEncoder().encode(json))
  // Blanks up to a multiple of three bytes leave nothing to pad. To cut the padding off would leave a slice of a text,
  // and over that JSON.stringify takes twice as long for the whole page.
  const whole = binary.padEnd(Math.ceil(binary.length / 3) * 3)
  return btoa(whole).replaceAll("+", "-").replaceAll("/", "_")
}

/** @throws SelvedgeError `invalid_query` for text that is no cursor, or the cursor of another sort or filter. */
export function decodeCursor(parameter: string, text: string, keys: readonly CursorKey[], hash: string): Stored[] {
  const cursor = parseCursor(text)
  if (cursor?.v !== VERSION || !Array.isArray(cursor.k)) throw invalidQuery(parameter, "is not a cursor")
  if (cursor.h !== hash) throw invalidQuery(parameter, "belongs to a list with another sort or filter")
  const values = cursor.k as unknown[]
  if (values.length !== keys.length || !keys.every((key, i) => fits(key, values[i])))
    throw invalidQuery(parameter, "is not a cursor")
  return values as Stored[]
}

function parseCursor(text: string): { v?: unknown; k?: unknown; h?: unknown } | undefined {
  if (text.length > LONGEST_CURSOR) return undefined
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
    const json: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from(binary, (c) => c.charCodeAt(0)),
      ),
    )
    return typeof json === "object" && json !== null ? json : undefined
  } catch {
    return undefined
  }
}

function fits({ column }: CursorKey, value: unknown): boolean {
  if (value === null) return column?.nullable ?? false
  if (column?.kind === "text") return typeof value === "string" && !textFault(value)
  if (column?.kind === "bigint") return typeof value === "string" && /^-?\d{1,19}$/.test(value)
  return typeof value === "number" && Number.isFinite(value)
}

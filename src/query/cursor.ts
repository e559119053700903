/** Cursors: base64url of the sort keys' values and a hash of the sort and filter that they belong to. */

import { invalidQuery } from "../core/problem.ts"
import type { Column } from "../schema/columns.ts"
import { type Stored, textFault } from "../schema/values.ts"

const VERSION = 1
const ASCII = /^[ -~]*$/
const LONGEST_CURSOR = 8_192

/** A sort key; without a column it is a computed number. */
export interface CursorKey {
  readonly column: Column | undefined
}

export function encodeCursor(values: readonly Stored[], hash: string): string {
  // Beyond Latin-1 the text must become bytes first, and `btoa` takes each byte as a character.
  const json = JSON.stringify({ v: VERSION, k: values, h: hash })
  const binary = ASCII.test(json) ? json : String.fromCharCode(...new TextEncoder().encode(json))
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
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

/** 53 bits are enough to tell a client's own lists apart; nothing rests on them. */
export function hashText(text: string): string {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    high = Math.imul(high ^ unit, 2654435761)
    low = Math.imul(low ^ unit, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36)
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

/** A column's value in its three forms: on the wire (JSON), as bound to D1, and as read back out of `json_array`. */

import type { Column } from "./columns.ts"

/** What D1 can bind. A bigint is bound as text and a blob as hex; the SQL around the placeholder converts them. */
export type Stored = string | number | null

/** RFC 3339 with a time zone; the date part is checked by reading it back. */
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
/** The years 0 to 9999 in UTC; RFC 3339 has no others, and a time zone can lead out of them. */
const FIRST_MS = -62_167_219_200_000
const LAST_MS = 253_402_300_799_999
const BIGINT = /^-?(0|[1-9]\d{0,18})$/
const BASE64URL = /^[A-Za-z0-9_-]*$/
const HALF_OF_64_BITS = 2n ** 63n

/** @returns The stored form, or a sentence that says what the value must be. Null is the caller's business. */
export function toStored(column: Column, value: unknown): { stored: Stored } | { fault: string } {
  switch (column.kind) {
    case "text":
      if (typeof value !== "string") return { fault: "must be text" }
      return textFault(value) ?? { stored: value }
    case "integer":
      if (typeof value !== "number" || !Number.isSafeInteger(value))
        return { fault: "must be a whole number between -(2^53-1) and 2^53-1" }
      return { stored: value }
    case "real":
      if (typeof value !== "number" || !Number.isFinite(value)) return { fault: "must be a number" }
      return { stored: value }
    case "boolean":
      return typeof value === "boolean" ? { stored: value ? 1 : 0 } : { fault: "must be true or false" }
    case "timestamp": {
      const ms =
        value instanceof Date ? value.getTime() : typeof value === "string" ? parseTimestamp(value) : Number.NaN
      return Number.isNaN(ms)
        ? { fault: "must be a time such as 2026-01-31T12:00:00.000Z" }
        : { stored: value instanceof Date ? Math.floor(ms / column.unit) : ms / column.unit }
    }
    case "bigint": {
      const text = typeof value === "bigint" ? value.toString() : value
      if (typeof text !== "string" || !BIGINT.test(text)) return { fault: "must be a whole number as text" }
      const number = BigInt(text)
      if (number < -HALF_OF_64_BITS || number >= HALF_OF_64_BITS) return { fault: "must fit into 64 bits" }
      return { stored: number.toString() }
    }
    case "blob": {
      const hex =
        value instanceof Uint8Array ? toHex(value) : typeof value === "string" ? base64urlToHex(value) : undefined
      return hex === undefined ? { fault: "must be base64url text" } : { stored: hex }
    }
    case "json": {
      const fault = jsonFault(value)
      return fault ? { fault } : { stored: JSON.stringify(value) }
    }
  }
}

/** @param value What `jsonValue` of the column gave, parsed. */
export function toWire(column: Column, value: unknown): unknown {
  if (value === null) return null
  switch (column.kind) {
    case "boolean":
      return value !== 0
    case "timestamp":
      return formatTimestamp((value as number) * column.unit)
    case "blob":
      return hexToBase64url(value as string)
    default:
      return value
  }
}

/** The placeholder of a bound value, converted to the column's own storage class. */
export function placeholderFor(column: Column, placeholder: string): string {
  if (column.kind === "bigint") return `CAST(${placeholder} AS INTEGER)`
  if (column.kind === "blob") return `unhex(${placeholder})`
  return placeholder
}

const DAY_MS = 86_400_000
const ZERO = "0".charCodeAt(0)
/** The characters of the time that was written last. Their date stays, for records of one list are often of one day. */
const written = Array.from("0000-00-00T00:00:00.000Z", (character) => character.charCodeAt(0))
let writtenDay = Number.NaN

/** What `toISOString` gives, at a quarter of its cost; and `JSON.stringify` takes it faster than text put together. */
function formatTimestamp(ms: number): string {
  if (ms < FIRST_MS || ms > LAST_MS) return new Date(ms).toISOString()
  const day = Math.floor(ms / DAY_MS)
  if (day !== writtenDay) {
    const date = new Date(day * DAY_MS).toISOString()
    for (let at = 0; at < "0000-00-00".length; at++) written[at] = date.charCodeAt(at)
    writtenDay = day
  }
  const rest = Math.floor(ms - day * DAY_MS)
  writeDigits(11, 2, Math.floor(rest / 3_600_000))
  writeDigits(14, 2, Math.floor(rest / 60_000) % 60)
  writeDigits(17, 2, Math.floor(rest / 1_000) % 60)
  writeDigits(20, 3, rest % 1_000)
  return String.fromCharCode(...written)
}

function writeDigits(start: number, width: number, number: number): void {
  let left = number
  for (let at = start + width - 1; at >= start; at--) {
    written[at] = ZERO + (left % 10)
    left = Math.floor(left / 10)
  }
}

/** @returns Milliseconds since 1970, or NaN. */
export function parseTimestamp(text: string): number {
  const parts = TIMESTAMP.exec(text)
  if (!parts) return Number.NaN
  const [, year, month, day, hour, minute, second, fraction, zone] = parts
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > lastDay) return Number.NaN
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return Number.NaN
  const ms = fraction ? fraction.slice(0, 4) : ""
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${ms}${zone!.toUpperCase()}`)
  return time >= FIRST_MS && time <= LAST_MS ? time : Number.NaN
}

/** Text that D1 would not give back as it came: U+0000 and half of a surrogate pair. */
export function textFault(text: string): { fault: string } | undefined {
  if (text.includes("\u0000")) return { fault: "must not contain U+0000" }
  if (!text.isWellFormed()) return { fault: "must not contain half of a surrogate pair" }
  return undefined
}

function jsonFault(value: unknown): string | undefined {
  if (typeof value === "string") return textFault(value)?.fault
  if (typeof value === "number") return Number.isFinite(value) ? undefined : "must be a finite number"
  if (typeof value !== "object" || value === null) return undefined
  for (const [key, item] of Object.entries(value)) {
    const fault = jsonFault(key) ?? jsonFault(item)
    if (fault) return fault
  }
  return undefined
}

function toHex(bytes: Uint8Array): string {
  let hex = ""
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0")
  return hex.toUpperCase()
}

function base64urlToHex(text: string): string | undefined {
  if (!BASE64URL.test(text) || text.length % 4 === 1) return undefined
  return toHex(Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)))
}

function hexToBase64url(hex: string): string {
  let binary = ""
  for (let i = 0; i < hex.length; i += 2) binary += String.fromCharCode(Number.parseInt(hex.slice(i, i + 2), 16))
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
}

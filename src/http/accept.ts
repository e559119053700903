/** What a client takes: `Accept` (RFC 9110, section 12.5.1). */

import { SelvedgeError } from "../core/problem.ts"

export const EVENT_STREAM = "text/event-stream"

const JSON_TYPE = "application/json"
const WILDCARDS = ["application/*", "*/*"]
const ACCEPTED = [JSON_TYPE, "application/problem+json", ...WILDCARDS]

/** @throws SelvedgeError `not_acceptable` when `Accept` leaves no room for JSON. */
export function requireAcceptable({ headers }: Request): void {
  const accept = headers.get("Accept")
  if (accept === null || accept.trim() === "" || accept === "*/*") return
  if (weightOf(readAccept(accept), ACCEPTED) === 0)
    throw new SelvedgeError("not_acceptable", "The answer is application/json.")
}

/** Whether events are wanted rather than JSON. Where both are the same to the client, it gets JSON, which has an end. */
export function prefersEvents({ headers }: Request): boolean {
  const accept = headers.get("Accept")
  if (!accept?.toLowerCase().includes(EVENT_STREAM)) return false
  const ranges = readAccept(accept)
  const weight = weightOf(ranges, [EVENT_STREAM])
  return weight > weightOf(ranges, [JSON_TYPE]) && weight >= weightOf(ranges, WILDCARDS)
}

interface MediaRange {
  readonly type: string
  /** From 0, which means never, to 1. */
  readonly weight: number
}

function readAccept(accept: string): MediaRange[] {
  return accept.split(",").map((part) => {
    const [type = "", ...parameters] = part
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    const weight = parameters.map((parameter) => /^q=([\d.]+)$/.exec(parameter)?.[1]).find(Boolean)
    return { type, weight: weight === undefined ? 1 : Number.parseFloat(weight) || 0 }
  })
}

function weightOf(ranges: readonly MediaRange[], types: readonly string[]): number {
  return Math.max(0, ...ranges.filter(({ type }) => types.includes(type)).map(({ weight }) => weight))
}

/** D1 reports everything as text. This is the only place that reads it. */

import { GUARD_MARK } from "./guard.ts"

export type Failure =
  | { kind: "guard"; code: string; operation: number; subject: string | undefined }
  | { kind: "unique"; table: string | undefined; columns: string[] }
  | { kind: "foreign_key" }
  | { kind: "not_null" | "type"; table: string; column: string }
  | { kind: "check"; name: string }
  | { kind: "too_big" }
  | { kind: "overloaded" | "transient" | "unknown" }

/** `D1_ERROR: <text>: SQLITE_<CODE> (extended: SQLITE_<CODE>) [code: n]`, all but the text optional. */
const D1_TEXT = /^(?:D1_ERROR: )?([\s\S]*?)(?:: SQLITE_(\w+)(?: \(extended: SQLITE_(\w+)\))?)?(?: \[code: \d+\])?$/
/** `bad JSON path: 'SELVEDGE:<code>:<operation>:<subject>'`, the last two optional. */
const GUARD = new RegExp(`${GUARD_MARK}([a-z_]+)(?::(\\d+))?(?::([^']*))?`)
/** To ask again at once would make it worse. The last is what two local processes on one file get. */
const OVERLOADED =
  /overloaded|too many requests queued|operation exceeded timeout|exceeded its (?:CPU time|memory) limit|database is locked/i
/** Over in a moment. Whether the call was carried out is not known. */
const TRANSIENT =
  /network connection lost|caused object to be reset|reset because its code was updated|cannot resolve D1.* due to transient issue/i

/** @param error What a D1 call threw; Drizzle wraps it, so its causes are looked through. */
export function readFailure(error: unknown): Failure {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const failure = readText(cause.message)
    if (failure.kind !== "unknown") return failure
  }
  return { kind: "unknown" }
}

function readText(message: string): Failure {
  const [, text = message, code] = D1_TEXT.exec(message) ?? []
  const guard = GUARD.exec(text)
  if (guard) return { kind: "guard", code: guard[1]!, operation: Number(guard[2] ?? 0), subject: guard[3] }
  const unique = /^UNIQUE constraint failed: (.*)$/s.exec(text)
  if (unique) return readUnique(unique[1]!)
  if (text === "FOREIGN KEY constraint failed") return { kind: "foreign_key" }
  const notNull = /^NOT NULL constraint failed: ([^.]+)\.(.+)$/s.exec(text)
  if (notNull) return { kind: "not_null", table: notNull[1]!, column: notNull[2]! }
  const type = /^cannot store \w+ value in \w+ column ([^.]+)\.(.+)$/s.exec(text)
  if (type) return { kind: "type", table: type[1]!, column: type[2]! }
  const check = /^CHECK constraint failed: (.*)$/s.exec(text)
  if (check) return { kind: "check", name: check[1]! }
  if (code === "TOOBIG" || /string or blob too big/.test(text)) return { kind: "too_big" }
  if (OVERLOADED.test(text)) return { kind: "overloaded" }
  if (TRANSIENT.test(text)) return { kind: "transient" }
  return { kind: "unknown" }
}

/** `films.title, films.year`, or `index 'name'` for an index over an expression. */
function readUnique(subject: string): Failure {
  if (subject.startsWith("index ")) return { kind: "unique", table: undefined, columns: [] }
  const names = subject.split(", ").map((name) => name.split("."))
  return { kind: "unique", table: names[0]?.[0], columns: names.map((parts) => parts.slice(1).join(".")) }
}

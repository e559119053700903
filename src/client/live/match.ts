/** A filter read by a client, over a record as it was answered: true, false, or undefined where only the server can tell. */

import type { QueryObject } from "../query-string.ts"
import { compareNumerals, compareText, isNumeral } from "./text.ts"

export type Verdict = boolean | undefined

const OPERATORS = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "notIn", "contains", "startsWith", "has"]
const TIME = /^\d{4}-\d\d-\d\dT/

/**
 * Undefined for what goes through a relation, for a field that the record doesn't have, and where it depends on the
 * column: texts of digits are compared otherwise than big numbers.
 *
 * @param filter As JSON has it.
 */
export function matches(filter: QueryObject, record: QueryObject): Verdict {
  return every(
    Object.entries(filter).map(([key, value]) => {
      const parts = () => (value as readonly QueryObject[]).map((part) => matches(part, record))
      if (key === "and") return every(parts())
      if (key === "or") return inverse(every(parts().map(inverse)))
      if (key === "not") return inverse(matches(value as QueryObject, record))
      return holds(record[key], value)
    }),
  )
}

function every(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(false)) return false
  return verdicts.includes(undefined) ? undefined : true
}

function inverse(verdict: Verdict): Verdict {
  return verdict === undefined ? undefined : !verdict
}

function holds(value: unknown, condition: unknown): Verdict {
  if (value === undefined) return undefined
  if (!isObject(condition)) return operate("eq", value, condition)
  const operations = Object.entries(condition)
  if (!operations.every(([name]) => OPERATORS.includes(name))) return undefined // a relation's
  return every(operations.map(([name, operand]) => operate(name, value, operand)))
}

function operate(name: string, value: unknown, operand: unknown): Verdict {
  const isOneOf = () => inverse(every((operand as unknown[]).map((item) => operate("ne", value, item))))
  if (name === "ne") return inverse(operate("eq", value, operand))
  if (name === "in") return value !== null && isOneOf()
  if (name === "notIn") return value === null || inverse(isOneOf())
  if (name === "has") return Array.isArray(value) && value.includes(operand)
  if (value === null || operand === null) return name === "eq" && value === operand
  if (name === "contains" || name === "startsWith") {
    if (typeof value !== "string" || typeof operand !== "string") return undefined
    const at = folded(value).indexOf(folded(operand))
    return name === "contains" ? at >= 0 : at === 0
  }
  const sign = compare(value, operand)
  if (sign === undefined) return undefined
  if (name === "eq") return sign === 0
  if (name === "gt") return sign > 0
  if (name === "gte") return sign >= 0
  return name === "lt" ? sign < 0 : sign <= 0
}

function compare(value: unknown, operand: unknown): number | undefined {
  if (typeof value !== typeof operand || isObject(value)) return undefined
  if (typeof value !== "string") return Number(value) - Number(operand)
  const [a, b] = [value, operand as string]
  const sign = Math.sign(compareText(a, b))
  const isOther =
    (isNumeral(a) && isNumeral(b) && compareNumerals(a, b) !== sign) ||
    (TIME.test(a) && TIME.test(b) && Math.sign(Date.parse(a) - Date.parse(b)) !== sign)
  return isOther ? undefined : sign
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null
}

/** As SQLite's `lower()`: A to Z only. */
function folded(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** The filter, parsed: what SQL and memory both read. A filter is true or false, never unknown. */

import { NOBODY } from "../core/caller.ts"
import type { Column } from "../schema/columns.ts"
import { type Stored, toStored } from "../schema/values.ts"
import type { ResolvedRelation } from "./model.ts"

export const MOST_FILTER_DEPTH = 8
export const MOST_FILTER_RELATIONS = 3
export const MOST_FILTER_CONDITIONS = 50
/** Values of one `in` or `notIn`; they are bound as one JSON parameter. */
export const MOST_LIST_VALUES = 1_000

export type Comparison = "eq" | "ne" | "gt" | "gte" | "lt" | "lte"
export type Quantifier = "one" | "some" | "none" | "every"

export type FilterNode =
  | { readonly type: "constant"; readonly value: boolean }
  | { readonly type: "and" | "or"; readonly parts: readonly FilterNode[] }
  | { readonly type: "not"; readonly part: FilterNode }
  | { readonly type: "compare"; readonly column: Column; readonly op: Comparison; readonly value: Stored }
  | { readonly type: "list"; readonly column: Column; readonly negated: boolean; readonly values: readonly Stored[] }
  | { readonly type: "text"; readonly column: Column; readonly op: "contains" | "startsWith"; readonly value: string }
  | { readonly type: "has"; readonly column: Column; readonly value: string | number | boolean }
  | {
      readonly type: "related"
      readonly relation: ResolvedRelation
      readonly quantifier: Quantifier
      /** Which related rows exist for whoever asks. */
      readonly visible: FilterNode
      readonly part: FilterNode
    }

export const ALWAYS: FilterNode = { type: "constant", value: true }
export const NEVER: FilterNode = { type: "constant", value: false }

export function isAlways(filter: FilterNode): boolean {
  return filter.type === "constant" && filter.value
}

export function isNever(filter: FilterNode): boolean {
  return filter.type === "constant" && !filter.value
}

/** What a filter may name on one level. */
export interface FilterScope {
  column(key: string): Column | undefined
  relation(name: string): { relation: ResolvedRelation; visible: FilterNode; scope: FilterScope } | undefined
}

/** A filter that can't be read: `path` leads to the place, `message` says what is wrong. */
export class FilterError extends Error {
  readonly path: string

  constructor(path: string, message: string) {
    super(path ? `${path}: ${message}` : message)
    this.name = "FilterError"
    this.path = path
  }
}

/**
 * @param author Only the application's own code may compare with {@link NOBODY}.
 * @throws FilterError for an unknown name, a value of the wrong type, an `undefined`, or a bound that is passed.
 */
export function parseFilter(input: unknown, scope: FilterScope, author: "code" | "client" = "code"): FilterNode {
  return new Parser(author).level(input, scope, "", 1, 0)
}

const COMPARISONS = ["eq", "ne", "gt", "gte", "lt", "lte"]
const ORDERED = ["gt", "gte", "lt", "lte"]
const QUANTIFIERS = ["some", "none", "every"]

class Parser {
  readonly #author: "code" | "client"
  #conditions = 0

  constructor(author: "code" | "client") {
    this.#author = author
  }

  level(input: unknown, scope: FilterScope, path: string, depth: number, relations: number): FilterNode {
    if (depth > MOST_FILTER_DEPTH) throw new FilterError(path, `nested deeper than ${MOST_FILTER_DEPTH} levels`)
    if (!isObject(input)) throw new FilterError(path, "a filter is an object")
    const parts = Object.entries(input).map(([key, value]) => {
      const place = path ? `${path}.${key}` : key
      if (key === "and" || key === "or") return this.#combine(key, value, scope, place, depth, relations)
      if (key === "not") return negate(this.level(value, scope, place, depth + 1, relations))
      const column = scope.column(key)
      if (column) return this.#condition(column, value, place)
      const related = scope.relation(key)
      if (!related) throw new FilterError(place, "there is no such field or relation")
      if (relations >= MOST_FILTER_RELATIONS)
        throw new FilterError(place, `more than ${MOST_FILTER_RELATIONS} relations deep`)
      return this.#related(related, value, place, depth, relations)
    })
    return all(parts)
  }

  #combine(
    type: "and" | "or",
    value: unknown,
    scope: FilterScope,
    path: string,
    depth: number,
    relations: number,
  ): FilterNode {
    if (!Array.isArray(value)) throw new FilterError(path, "takes a list of filters")
    if (value.length > MOST_FILTER_CONDITIONS)
      throw new FilterError(path, `more than ${MOST_FILTER_CONDITIONS} conditions`)
    const parts = value.map((part, i) => this.level(part, scope, `${path}.${i}`, depth + 1, relations))
    return type === "and" ? all(parts) : some(parts)
  }

  #related(
    related: NonNullable<ReturnType<FilterScope["relation"]>>,
    value: unknown,
    path: string,
    depth: number,
    relations: number,
  ): FilterNode {
    const { relation, visible, scope } = related
    this.#count(path)
    if (!relation.many) {
      const part = this.level(value, scope, path, depth + 1, relations + 1)
      return throughRelation({ type: "related", relation, quantifier: "one", visible, part })
    }
    if (!isObject(value)) throw new FilterError(path, `takes one of ${QUANTIFIERS.join(", ")}`)
    const entries = Object.entries(value)
    if (entries.length === 0) throw new FilterError(path, `takes one of ${QUANTIFIERS.join(", ")}`)
    return all(
      entries.map(([key, inner]) => {
        if (!QUANTIFIERS.includes(key))
          throw new FilterError(`${path}.${key}`, `takes one of ${QUANTIFIERS.join(", ")}`)
        const part = this.level(inner, scope, `${path}.${key}`, depth + 1, relations + 1)
        return throughRelation({ type: "related", relation, quantifier: key as Quantifier, visible, part })
      }),
    )
  }

  #condition(column: Column, value: unknown, path: string): FilterNode {
    if (!isObject(value) || value instanceof Date || value instanceof Uint8Array)
      return this.#operation(column, "eq", value, path)
    const entries = Object.entries(value)
    if (entries.length === 0) throw new FilterError(path, "takes a value or an object of operators")
    return all(entries.map(([op, operand]) => this.#operation(column, op, operand, `${path}.${op}`)))
  }

  #operation(column: Column, op: string, operand: unknown, path: string): FilterNode {
    this.#count(path)
    if (operand === undefined) throw new FilterError(path, "the value is undefined")
    if (this.#author === "client" && [operand].flat().includes(NOBODY))
      throw new FilterError(path, "must not contain U+0000")
    if (COMPARISONS.includes(op)) return compare(column, op as Comparison, operand, path)
    if (op === "in" || op === "notIn") return list(column, op === "notIn", operand, path)
    if (op === "contains" || op === "startsWith") {
      if (column.kind !== "text") throw new FilterError(path, `works on text; ${column.key} holds ${column.kind}`)
      if (operand === NOBODY) return NEVER
      const value = stored(column, operand, path)
      return { type: "text", column, op, value: value as string }
    }
    if (op === "has") return has(column, operand, path)
    throw new FilterError(path, "there is no such operator")
  }

  #count(path: string): void {
    this.#conditions++
    if (this.#conditions > MOST_FILTER_CONDITIONS)
      throw new FilterError(path, `more than ${MOST_FILTER_CONDITIONS} conditions`)
  }
}

function compare(column: Column, op: Comparison, operand: unknown, path: string): FilterNode {
  if (operand === NOBODY) return NEVER
  if (operand === null) {
    if (ORDERED.includes(op)) throw new FilterError(path, "null has no order; use eq or ne")
    return { type: "compare", column, op, value: null }
  }
  if (column.kind === "json") throw new FilterError(path, `${column.key} holds JSON; use has, or compare it with null`)
  if (column.kind === "blob" && ORDERED.includes(op))
    throw new FilterError(path, `${column.key} holds bytes, which have no order`)
  return { type: "compare", column, op, value: stored(column, operand, path) }
}

/** No comparison matches {@link NOBODY}: `in` passes over it, and `notIn` is false. */
function list(column: Column, negated: boolean, operand: unknown, path: string): FilterNode {
  if (!Array.isArray(operand)) throw new FilterError(path, "takes a list")
  if (operand.length > MOST_LIST_VALUES) throw new FilterError(path, `more than ${MOST_LIST_VALUES} values`)
  if (column.kind === "json") throw new FilterError(path, `${column.key} holds JSON; use has`)
  const values: Stored[] = []
  for (const [i, value] of operand.entries()) {
    if (value === null || value === undefined)
      throw new FilterError(`${path}.${i}`, "a list holds no null; compare with eq or ne")
    if (value !== NOBODY) values.push(stored(column, value, `${path}.${i}`))
    else if (negated) return NEVER
  }
  if (values.length === 0) return negated ? ALWAYS : NEVER
  return { type: "list", column, negated, values }
}

function has(column: Column, operand: unknown, path: string): FilterNode {
  if (column.kind !== "json") throw new FilterError(path, `works on JSON lists; ${column.key} holds ${column.kind}`)
  if (operand === NOBODY) return NEVER
  if (
    typeof operand !== "string" &&
    typeof operand !== "boolean" &&
    !(typeof operand === "number" && Number.isFinite(operand))
  ) {
    throw new FilterError(path, "takes text, a number, true or false")
  }
  if (typeof operand === "string" && (!operand.isWellFormed() || operand.includes("\u0000"))) {
    throw new FilterError(path, "must not contain U+0000 or half of a surrogate pair")
  }
  return { type: "has", column, value: operand }
}

/** The bound form. A whole-number column may be compared with a fraction. */
function stored(column: Column, operand: unknown, path: string): Stored {
  if (
    column.kind === "integer" &&
    typeof operand === "number" &&
    Number.isFinite(operand) &&
    Math.abs(operand) <= Number.MAX_SAFE_INTEGER
  ) {
    return operand
  }
  const result = toStored(column, operand)
  if ("fault" in result) throw new FilterError(path, result.fault)
  return result.stored
}

export function all(parts: readonly FilterNode[]): FilterNode {
  const real = parts.filter((part) => !(part.type === "constant" && part.value))
  if (real.some((part) => part.type === "constant")) return NEVER
  return real.length === 0 ? ALWAYS : real.length === 1 ? real[0]! : { type: "and", parts: real }
}

function some(parts: readonly FilterNode[]): FilterNode {
  const real = parts.filter((part) => !(part.type === "constant" && !part.value))
  if (real.some((part) => part.type === "constant")) return ALWAYS
  return real.length === 0 ? NEVER : real.length === 1 ? real[0]! : { type: "or", parts: real }
}

/** Constant where no related row can count. */
function throughRelation(filter: Extract<FilterNode, { type: "related" }>): FilterNode {
  const { quantifier, visible, part } = filter
  const counts = part.type !== "constant" || part.value === (quantifier !== "every")
  if (counts && !(visible.type === "constant" && !visible.value)) return filter
  return quantifier === "none" || quantifier === "every" ? ALWAYS : NEVER
}

function negate(part: FilterNode): FilterNode {
  return part.type === "constant" ? (part.value ? NEVER : ALWAYS) : { type: "not", part }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** POST: a new record. */

import { isAlways } from "../access/filter.ts"
import type { Collection } from "../access/model.ts"
import { requireAccess } from "../access/visibility.ts"
import { SelvedgeError, validationFailed } from "../core/problem.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import { Bindings } from "../query/bindings.ts"
import { type Column, defaultOf, quote } from "../schema/columns.ts"
import { placeholderFor, toStored } from "../schema/values.ts"
import type { RecordsContext } from "./context.ts"
import { followingJobs } from "./following-jobs.ts"
import { type Field, readInput } from "./input.ts"
import { type Operation, WriteTarget } from "./operation.ts"
import { requireSize } from "./size.ts"

/** @throws SelvedgeError for a plain refusal, or `validation_failed`. */
export function createOperation(context: RecordsContext, collection: Collection, body: unknown): Operation {
  const rule = requireAccess(collection, "create", context.caller)
  const target = new WriteTarget(collection, context.caller)
  const { writes } = readInput(collection, context.caller, "create", body)
  const fields = newRow(context, target, writes)
  const missing = missingFields(target, fields)
  const named = missing.filter((column) => target.projection.columns.includes(column))
  if (named.length > 0) throw validationFailed(named.map(required))
  // What is hidden from the caller can't be asked for: only others may make this record.
  if (missing.length > 0) throw new SelvedgeError("forbidden", "You may not do this.")
  requireSize(fields)
  const id = fields.find((field) => field.column.key === "id")!.stored as string
  const jobs = followingJobs(context, collection, "create", id, body)
  return {
    collection,
    action: "create",
    queries: (index, recorder) => [
      ...jobs.queries(),
      ...target.referenceGuards(writes, id, index),
      insertQuery(target, fields),
      ...(isAlways(rule) ? [] : [newRowGuard(target, rule, id, index)]),
      ...(recorder ? [recorder.append(index, ...storedAnswer(target, id, 201))] : []),
    ],
    result: (rows) => target.result(rows),
    committed: jobs.committed,
    replay: (entry) => target.decodeEntry(entry),
  }
}

/** Every column that gets a value from the caller, a stamp or a default that the Worker knows. */
export function newRow({ caller, now }: RecordsContext, target: WriteTarget, writes: readonly Field[]): Field[] {
  const time = now()
  const given = new Map(writes.map((field) => [field.column, field]))
  return target.collection.table.columns.flatMap((column): Field[] => {
    if (column.generated) return []
    if (column.key === "createdAt" || column.key === "updatedAt") return [{ column, stored: time / column.unit }]
    if (column.key === "version") return [{ column, stored: 1 }]
    const field = given.get(column)
    if (field) return [field]
    const stamp = caller.kind === "service" ? undefined : target.collection.stamps.get(column.key)
    if (stamp) return [known(target, column, stamp(caller))].flat()
    const standard = defaultOf(column)
    return standard && "value" in standard ? known(target, column, standard.value) : []
  })
}

/** Columns that would be null although they can't be. */
export function missingFields(target: WriteTarget, fields: readonly Field[]): Column[] {
  const present = new Set(fields.map((field) => field.column))
  return target.collection.table.columns.filter(
    (column) => !column.nullable && !column.hasDefault && !column.generated && !present.has(column),
  )
}

export function required(column: Column) {
  return { pointer: `/${column.key}`, code: "required", message: "is required" }
}

/** @param condition SQL that must hold for the row to be inserted. */
export function insertQuery(
  target: WriteTarget,
  fields: readonly Field[],
  condition?: (bindings: Bindings) => string,
): Query {
  const bindings = new Bindings()
  const names = fields.map((field) => quote(field.column.name)).join(", ")
  const values = fields.map(({ column, stored }) => placeholderFor(column, bindings.add(stored))).join(", ")
  const rows = condition ? `SELECT ${values} WHERE ${condition(bindings)}` : `VALUES (${values})`
  return {
    sql: `INSERT INTO ${target.table} (${names}) ${rows} RETURNING ${target.answer(bindings)} AS answer, 1 AS created`,
    params: bindings.values,
  }
}

/** Aborts with `forbidden` when the row, as it is now, breaks the rule. */
export function newRowGuard(
  target: WriteTarget,
  rule: Parameters<WriteTarget["allowed"]>[0],
  id: string,
  index: number,
): Query {
  const bindings = new Bindings()
  const row = `${target.name("id")} = ${bindings.add(id)}`
  return guard(
    `SELECT 'forbidden:${index}' WHERE NOT EXISTS (SELECT 1 FROM ${target.table} WHERE ${row} AND ${target.allowed(rule, bindings)})`,
    bindings.values,
  )
}

/** `[status, answer, keys]` of the row as it is now: the entry that a recorder keeps. */
export function storedAnswer(target: WriteTarget, id: string, status: 200 | 201): [entry: string, bindings: Bindings] {
  const bindings = new Bindings()
  const answer = `(SELECT ${target.answer(bindings)} FROM ${target.table} WHERE ${target.name("id")} = ${bindings.add(id)})`
  return [`json_array(${status}, json(${answer}), ${bindings.add(target.keys)})`, bindings]
}

function known(target: WriteTarget, column: Column, value: unknown): Field[] {
  if (value === undefined || value === null) return []
  const result = toStored(column, value)
  if ("fault" in result)
    throw new TypeError(`${target.collection.name}.${column.key}: the server's own value ${result.fault}`)
  return [{ column, stored: result.stored }]
}

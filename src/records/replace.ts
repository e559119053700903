/** PUT: a record as the body has it, replaced or created. */

import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core"
import type { FilterNode } from "../access/filter.ts"
import { isAlways, isNever } from "../access/filter.ts"
import type { Collection } from "../access/model.ts"
import { accessFilter, refused } from "../access/visibility.ts"
import { validationFailed } from "../core/problem.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import { Bindings } from "../query/bindings.ts"
import { type Column, defaultOf, quote } from "../schema/columns.ts"
import { placeholderFor, toStored } from "../schema/values.ts"
import type { RecordsContext } from "./context.ts"
import { insertQuery, missingFields, newRow, required, storedAnswer } from "./create.ts"
import { followingJobs } from "./following-jobs.ts"
import { type Field, readInput, writeFault } from "./input.ts"
import { type Operation, type Precondition, WriteTarget } from "./operation.ts"
import { isId, notFound } from "./read.ts"
import { requireSize } from "./size.ts"
import { afterUpdateGuard, type HiddenCode, writeUpdate } from "./update.ts"

/**
 * Omitted writable fields become their default or null; what the caller may not write is kept, and must equal the
 * stored value where it is sent, so that a record that was fetched can be sent back.
 * @throws SelvedgeError for a plain refusal, `validation_failed`, or `not_found` for text that is no id.
 */
export function replaceOperation(
  context: RecordsContext,
  collection: Collection,
  id: string,
  body: unknown,
  precondition: Precondition,
): Operation {
  const updateRule = accessFilter(collection, "update", context.caller)
  const createRule = accessFilter(collection, "create", context.caller)
  if (isNever(updateRule) && isNever(createRule)) throw refused(context.caller)
  const target = new WriteTarget(collection, context.caller)
  const { writes, equals } = readInput(collection, context.caller, "replace", body)
  const sentId = equals.find((field) => field.column.key === "id")
  if (sentId && sentId.stored !== id) {
    throw validationFailed([{ pointer: "/id", code: "read_only", message: "must be the id in the path" }])
  }
  const unset = missingOnReplace(context, target, writes)
  if (unset.length > 0) throw validationFailed(unset.map(required))
  requireSize(writes)
  if (!isId(id)) throw notFound()

  const idField: Field = { column: target.column("id"), stored: id }
  const others = equals.filter((field) => field !== sentId)
  const immutable = others.filter(
    (field) => writeFault(collection, context.caller, "create", field.column) === undefined,
  )
  const readOnly = others.filter((field) => !immutable.includes(field))
  const row = newRow(context, target, [idField, ...writes, ...immutable])
  const creatable = !isNever(createRule) && precondition.ifMatch === undefined

  // What is missing and what is hidden must be refused alike.
  const absent = precondition.ifMatch === undefined ? "not_found" : "precondition_failed"
  const replaced = (index: number): Query[] =>
    precondition.ifNoneMatch || isNever(updateRule)
      ? [refuseExisting(target, id, index, precondition.ifNoneMatch ? "precondition_failed" : "forbidden", absent)]
      : [
          ...(others.length > 0 ? [mismatchGuard(target, updateRule, id, others, precondition, index)] : []),
          replaceQuery(target, updateRule, id, writes, context, precondition),
          afterUpdateGuard(target, updateRule, id, precondition, index, existsSql(target, id), absent),
        ]
  const created = (index: number): Query[] => {
    if (!creatable) return [refuseMissing(target, id, `${absent}:${index}`)]
    const missing = missingFields(target, row)[0]
    if (missing) return [refuseMissing(target, id, `required:${index}:${missing.key}`)]
    if (readOnly[0]) return [refuseMissing(target, id, `read_only:${index}:${readOnly[0].column.key}`)]
    return [
      insertQuery(
        target,
        row,
        (bindings) => `NOT EXISTS (SELECT 1 FROM ${target.table} WHERE ${target.name("id")} = ${bindings.add(id)})`,
      ),
    ]
  }
  const jobs = {
    create: followingJobs(context, collection, "create", id, body),
    update: followingJobs(context, collection, "update", id, body),
  }
  return {
    collection,
    action: "update",
    queries: (index, recorder) => [
      ...jobs.create.queries(`NOT ${existsSql(target, id)}`),
      ...jobs.update.queries(existsSql(target, id)),
      ...target.referenceGuards([...writes, ...immutable], id, index),
      ...replaced(index),
      ...(recorder ? [recorder.append(index, ...storedAnswer(target, id, 200), existsSql(target, id))] : []),
      ...created(index),
      ...(creatable && !isAlways(createRule) ? [createdRowGuard(target, createRule, id, index)] : []),
      ...(recorder ? [recorder.append(index, ...storedAnswer(target, id, 201))] : []),
    ],
    result: (rows) => target.result(rows),
    committed: (result) => (result.status === 201 ? jobs.create : jobs.update).committed(),
    replay: (entry) => target.decodeEntry(entry),
  }
}

function existsSql(target: WriteTarget, id: string): string {
  return `EXISTS (SELECT 1 FROM ${target.table} WHERE ${target.name("id")} = '${id}')`
}

/** A record that exists but may not be replaced: hidden ones are refused as missing ones. */
function refuseExisting(
  target: WriteTarget,
  id: string,
  index: number,
  code: "forbidden" | "precondition_failed",
  absent: HiddenCode,
): Query {
  const bindings = new Bindings()
  const mark = bindings.add(id)
  const readable = `EXISTS (SELECT 1 FROM ${target.table} WHERE ${target.name("id")} = ${mark} AND ${target.allowed(target.read, bindings)})`
  const hidden = code === "forbidden" ? absent : code
  return guard(
    `SELECT iif(${readable}, '${code}:${index}', '${hidden}:${index}') WHERE ${existsSql(target, id)}`,
    bindings.values,
  )
}

function refuseMissing(target: WriteTarget, id: string, code: string): Query {
  const bindings = new Bindings()
  return guard(`SELECT ${bindings.add(code)} WHERE NOT ${existsSql(target, id)}`, bindings.values)
}

/** Aborts when a field that the caller may not write was sent with another value than the stored one. */
function mismatchGuard(
  target: WriteTarget,
  rule: FilterNode,
  id: string,
  fields: readonly Field[],
  precondition: Precondition,
  index: number,
): Query {
  const bindings = new Bindings()
  const code = fields.reduceRight((otherwise, { column, stored }) => {
    const [name, value] = [quote(column.name), placeholderFor(column, bindings.add(stored))]
    const differs = column.kind === "json" ? `json(${name}) IS NOT json(${value})` : `${name} IS NOT ${value}`
    return `iif(${differs}, 'read_only:${index}:${column.key}', ${otherwise})`
  }, "NULL")
  const where = target.writableRow(id, precondition, rule, bindings)
  return guard(
    `SELECT code FROM (SELECT ${code} AS code FROM ${target.table} WHERE ${where}) WHERE code IS NOT NULL`,
    bindings.values,
  )
}

function replaceQuery(
  target: WriteTarget,
  rule: FilterNode,
  id: string,
  writes: readonly Field[],
  context: RecordsContext,
  precondition: Precondition,
): Query {
  const bindings = new Bindings()
  const given = new Map(writes.map((field) => [field.column, field]))
  const assignments = replaced(context, target).map((column) => {
    const field = given.get(column)
    const value = field ? placeholderFor(column, bindings.add(field.stored)) : defaultSql(column, bindings)
    return { name: quote(column.name), value }
  })
  return writeUpdate(target, rule, id, assignments, precondition, context.now(), bindings)
}

/** The columns that a replacement sets: all that the caller may see and write. */
function replaced({ caller }: RecordsContext, target: WriteTarget): Column[] {
  return target.projection.columns.filter(
    (column) => writeFault(target.collection, caller, "replace", column) === undefined,
  )
}

function missingOnReplace(context: RecordsContext, target: WriteTarget, writes: readonly Field[]): Column[] {
  const given = new Set(writes.map((field) => field.column))
  return replaced(context, target).filter((column) => !column.nullable && !column.hasDefault && !given.has(column))
}

function defaultSql(column: Column, bindings: Bindings): string {
  const standard = defaultOf(column)
  if (!standard) return "NULL"
  if ("sql" in standard) return `(${new SQLiteAsyncDialect().sqlToQuery(standard.sql.inlineParams()).sql})`
  const result = standard.value === null ? { stored: null } : toStored(column, standard.value)
  if ("fault" in result) throw new TypeError(`${column.key}: the default ${result.fault}`)
  return placeholderFor(column, bindings.add(result.stored))
}

/** Follows the INSERT directly: a row that was there before is checked by `update` alone. */
function createdRowGuard(target: WriteTarget, rule: FilterNode, id: string, index: number): Query {
  const bindings = new Bindings()
  const row = `${target.name("id")} = ${bindings.add(id)}`
  return guard(
    `SELECT 'forbidden:${index}' WHERE changes() = 1 AND NOT EXISTS (SELECT 1 FROM ${target.table} WHERE ${row} AND ${target.allowed(rule, bindings)})`,
    bindings.values,
  )
}

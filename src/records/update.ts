/** PATCH: some fields of a record (JSON Merge Patch, RFC 7396). */

import type { FilterNode } from "../access/filter.ts"
import { isAlways } from "../access/filter.ts"
import type { Collection } from "../access/model.ts"
import { requireAccess } from "../access/visibility.ts"
import { guard } from "../db/guard.ts"
import type { Query } from "../db/query.ts"
import { Bindings } from "../query/bindings.ts"
import { balanced } from "../query/filter-sql.ts"
import { quote } from "../schema/columns.ts"
import { placeholderFor, toStored } from "../schema/values.ts"
import type { RecordsContext } from "./context.ts"
import { storedAnswer } from "./create.ts"
import { followingJobs } from "./following-jobs.ts"
import { type Field, readInput } from "./input.ts"
import { type Operation, type Precondition, WriteTarget } from "./operation.ts"
import { isId, notFound } from "./read.ts"
import { MOST_RECORD_BYTES, requireSize } from "./size.ts"

/** @throws SelvedgeError for a plain refusal, `validation_failed`, or `not_found` for text that is no id. */
export function updateOperation(
  context: RecordsContext,
  collection: Collection,
  id: string,
  body: unknown,
  precondition: Precondition,
): Operation {
  const rule = requireAccess(collection, "update", context.caller)
  const target = new WriteTarget(collection, context.caller)
  const { writes } = readInput(collection, context.caller, "update", body)
  requireSize(writes)
  if (!isId(id)) throw notFound()
  const jobs = followingJobs(context, collection, "update", id, body)
  return {
    collection,
    action: "update",
    queries: (index, recorder) => [
      ...jobs.queries(),
      ...target.referenceGuards(writes, id, index),
      updateQuery(target, rule, id, writes, precondition, context.now()),
      afterUpdateGuard(target, rule, id, precondition, index),
      ...(recorder ? [recorder.append(index, ...storedAnswer(target, id, 200))] : []),
    ],
    result: (rows) => target.result(rows),
    committed: jobs.committed,
    replay: (entry) => target.decodeEntry(entry),
  }
}

/** `version` and `updatedAt` move here, and only when a value differs: RETURNING runs before the triggers. */
export function updateQuery(
  target: WriteTarget,
  rule: FilterNode,
  id: string,
  fields: readonly Field[],
  precondition: Precondition,
  now: number,
): Query {
  const bindings = new Bindings()
  const assignments = [...fields, ...onUpdate(target, fields)].map(({ column, stored }) => ({
    name: quote(column.name),
    value: placeholderFor(column, bindings.add(stored)),
  }))
  return writeUpdate(target, rule, id, assignments, precondition, now, bindings)
}

/** The UPDATE itself, over assignments whose values are already bound. */
export function writeUpdate(
  target: WriteTarget,
  rule: FilterNode,
  id: string,
  assignments: readonly { name: string; value: string }[],
  precondition: Precondition,
  now: number,
  bindings: Bindings,
): Query {
  const [version, updatedAt] = [target.name("version"), target.name("updatedAt")]
  const set = assignments.map(({ name, value }) => `${name} = ${value}`)
  if (assignments.length === 0) set.push(`${version} = ${version}`)
  else {
    const names = assignments.map(({ name }) => name).join(", ")
    const values = assignments.map(({ value }) => value).join(", ")
    const differs = assignments.length === 1 ? `(${names} IS NOT ${values})` : `((${names}) IS NOT (${values}))`
    const time = bindings.add(now / target.column("updatedAt").unit)
    set.push(`${version} = ${version} + ${differs}`, `${updatedAt} = iif(${differs}, ${time}, ${updatedAt})`)
  }
  const where = target.writableRow(id, precondition, rule, bindings)
  return {
    sql: `UPDATE ${target.table} SET ${set.join(", ")} WHERE ${where} RETURNING ${target.answer(bindings)} AS answer`,
    params: bindings.values,
  }
}

/**
 * Follows the UPDATE directly, for it reads `changes()`: tells why no row was touched, and refuses a row that now
 * breaks the rule or is too large.
 * @param condition SQL under which an untouched row is a refusal.
 * @param hidden What a missing record is refused with: a hidden one must not be told from it.
 */
export function afterUpdateGuard(
  target: WriteTarget,
  rule: FilterNode,
  id: string,
  precondition: Precondition,
  index: number,
  condition = "1",
  hidden: HiddenCode = "not_found",
): Query {
  const bindings = new Bindings()
  const row = rowSql(target, bindings.add(id))
  const broken = isAlways(rule) ? "0" : `NOT ${row(target.allowed(rule, bindings))}`
  const size = target.collection.table.columns
    .filter((column) => ["text", "json", "blob"].includes(column.kind))
    .map((column) => `octet_length(coalesce(${quote(column.name)}, ''))`)
  const tooLarge = row(`${balanced(size, "+")} > ${MOST_RECORD_BYTES}`)
  const touched = `iif(${broken}, 'forbidden:${index}', iif(${tooLarge}, 'payload_too_large:${index}', NULL))`
  const untouched = `iif(${condition}, ${untouchedReason(target, rule, row, precondition, index, bindings, hidden)}, NULL)`
  return guard(
    `SELECT code FROM (SELECT iif(changes() = 1, ${touched}, ${untouched}) AS code) WHERE code IS NOT NULL`,
    bindings.values,
  )
}

/** Follows a DELETE directly: tells why no row was touched. */
export function afterDeleteGuard(
  target: WriteTarget,
  rule: FilterNode,
  id: string,
  precondition: Precondition,
  index: number,
): Query {
  const bindings = new Bindings()
  const row = rowSql(target, bindings.add(id))
  return guard(
    `SELECT ${untouchedReason(target, rule, row, precondition, index, bindings)} WHERE changes() <> 1`,
    bindings.values,
  )
}

export type HiddenCode = "not_found" | "precondition_failed"

type RowSql = (filter: string) => string

function rowSql(target: WriteTarget, mark: string): RowSql {
  return (filter) => `EXISTS (SELECT 1 FROM ${target.table} WHERE ${target.name("id")} = ${mark} AND ${filter})`
}

function untouchedReason(
  target: WriteTarget,
  rule: FilterNode,
  row: RowSql,
  { ifMatch }: Precondition,
  index: number,
  bindings: Bindings,
  hidden: HiddenCode = "not_found",
): string {
  const readable = row(target.allowed(target.read, bindings))
  const writable = row(target.allowed(rule, bindings))
  const last = Array.isArray(ifMatch) ? "precondition_failed" : "not_found"
  return `iif(NOT ${readable}, '${hidden}:${index}', iif(NOT ${writable}, 'forbidden:${index}', '${last}:${index}'))`
}

function onUpdate(target: WriteTarget, fields: readonly Field[]): Field[] {
  return target.collection.table.columns.flatMap((column) => {
    if (!column.drizzle.onUpdateFn || fields.some((field) => field.column === column)) return []
    const result = toStored(column, column.drizzle.onUpdateFn())
    return "fault" in result ? [] : [{ column, stored: result.stored }]
  })
}

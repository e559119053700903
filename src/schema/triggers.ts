/**
 * Triggers that every record table carries: one moves `version` and `updatedAt`, three write `_changes`. Remote D1
 * splits migration files by itself, so the text keeps BEGIN and END in upper case, on lines of their own, and has no CASE.
 */

import { type Column, quote } from "./columns.ts"
import type { TableModel } from "./table-model.ts"

/** Arguments of one `json_object` call: production promises 32 arguments to a function. */
const PAIRS_PER_OBJECT = 16
/** Arguments of one `json_array` call. */
const ITEMS_PER_ARRAY = 30

/** Columns of personal data: their changes are noted without their content, so that a deleted account leaves none. */
const PERSONAL: Readonly<Record<string, readonly string[]>> = { _users: ["email", "name"] }

/** Milliseconds since 1970, by the clock of the database. */
export const NOW = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"

export interface Trigger {
  readonly name: string
  readonly sql: string
}

/** Whether a change of the table tells the whole row. */
export function notesWholeRows(model: TableModel): boolean {
  return model.isRecord && !PERSONAL[model.name]
}

/** @returns The triggers in the order of their creation; empty for a table without record columns. */
export function recordTriggers(model: TableModel): Trigger[] {
  if (!model.isRecord) return []
  return [versionTrigger(model), insertTrigger(model), updateTrigger(model), deleteTrigger(model)]
}

function versionTrigger(model: TableModel): Trigger {
  const name = `${model.name}_version`
  const id = quote(column(model, "id").name)
  const version = quote(column(model, "version").name)
  const updatedAt = quote(column(model, "updatedAt").name)
  return trigger(
    name,
    `AFTER UPDATE ON ${quote(model.name)}`,
    `NEW.${version} = OLD.${version} AND ${changed(model)}`,
    `UPDATE ${quote(model.name)} SET ${version} = OLD.${version} + 1, ${updatedAt} = ${NOW} WHERE ${id} = NEW.${id};`,
  )
}

function insertTrigger(model: TableModel): Trigger {
  return trigger(
    `_changes_${model.name}_insert`,
    `AFTER INSERT ON ${quote(model.name)}`,
    undefined,
    change(model, "insert", "NEW", "NULL", wholeRow(model, "NEW")),
  )
}

function updateTrigger(model: TableModel): Trigger {
  const id = column(model, "id")
  const version = column(model, "version")
  const updatedAt = column(model, "updatedAt")
  const before = nested("json_array", ITEMS_PER_ARRAY, [
    `json_object(${pair(id, "OLD")}, ${pair(version, "OLD")}, ${pair(updatedAt, "OLD")})`,
    ...[column(model, "createdAt"), ...plainColumns(model).filter((c) => !isPersonal(model, c))].map(
      (c) => `iif(OLD.${quote(c.name)} IS NOT NEW.${quote(c.name)}, json_object(${pair(c, "OLD")}), NULL)`,
    ),
  ])
  const moved = `NEW.${quote(version.name)} = OLD.${quote(version.name)}`
  const after = `json_array(${wholeRow(model, "NEW")}, iif(${moved}, json_object(${text(version.name)}, OLD.${quote(version.name)} + 1, ${text(updatedAt.name)}, ${NOW}), NULL))`
  return trigger(
    `_changes_${model.name}_update`,
    `AFTER UPDATE ON ${quote(model.name)}`,
    changed(model),
    change(model, "update", "NEW", before, after),
  )
}

function deleteTrigger(model: TableModel): Trigger {
  return trigger(
    `_changes_${model.name}_delete`,
    `AFTER DELETE ON ${quote(model.name)}`,
    undefined,
    change(model, "delete", "OLD", wholeRow(model, "OLD"), "NULL"),
  )
}

export function trigger(name: string, event: string, condition: string | undefined, body: string): Trigger {
  const when = condition ? `\nWHEN ${condition}` : ""
  return { name, sql: `CREATE TRIGGER ${quote(name)} ${event}${when}\nBEGIN\n  ${body}\nEND` }
}

function change(model: TableModel, op: string, row: "OLD" | "NEW", before: string, after: string): string {
  const id = `${row}.${quote(column(model, "id").name)}`
  return `INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES (${text(model.name)}, ${id}, ${text(op)}, ${before}, ${after}, ${NOW});`
}

/** Whether any column but `version` and `updatedAt` differs between the old row and the new. */
function changed(model: TableModel): string {
  const names = [column(model, "id"), column(model, "createdAt"), ...plainColumns(model)].map((c) => quote(c.name))
  return `(${names.map((n) => `NEW.${n}`).join(", ")}) IS NOT (${names.map((n) => `OLD.${n}`).join(", ")})`
}

function wholeRow(model: TableModel, row: "OLD" | "NEW"): string {
  const pairs = model.columns.filter((c) => !isPersonal(model, c)).map((c) => pair(c, row))
  return nested("json_object", PAIRS_PER_OBJECT, pairs)
}

/** One call, or an array of calls when the arguments are too many for one. */
function nested(call: string, most: number, items: string[]): string {
  if (items.length <= most) return `${call}(${items.join(", ")})`
  const parts: string[] = []
  for (let start = 0; start < items.length; start += most)
    parts.push(`${call}(${items.slice(start, start + most).join(", ")})`)
  return nested("json_array", ITEMS_PER_ARRAY, parts)
}

function pair(c: Column, row: "OLD" | "NEW"): string {
  return `${text(c.name)}, ${jsonValue(c, `${row}.${quote(c.name)}`)}`
}

/** A column's value in a form that JSON can hold whole. */
export function jsonValue(c: Column, expression: string): string {
  if (c.kind === "json") return `iif(json_valid(${expression}), json(${expression}), ${expression})`
  if (c.kind === "blob") return `iif(${expression} IS NULL, NULL, hex(${expression}))`
  if (c.kind === "bigint") return `CAST(${expression} AS TEXT)`
  return expression
}

function isPersonal(model: TableModel, c: Column): boolean {
  return PERSONAL[model.name]?.includes(c.name) ?? false
}

function plainColumns(model: TableModel): Column[] {
  return model.columns.filter((c) => !["id", "createdAt", "updatedAt", "version"].includes(c.key))
}

function column(model: TableModel, key: string): Column {
  return model.byKey.get(key)!
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

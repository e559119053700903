/** What a migration refuses: schemas that D1 can't hold, losses that nobody asked for, statements it would misread. */

import type { TableDiff } from "./diff.ts"
import { Refusal } from "./refusal.ts"
import { columnOf, same, type TableSchema } from "./table-schema.ts"

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** Remote D1 finds the end of a trigger by these words. */
const SPLITTING = /\b(BEGIN|END|CASE)\b/gi

export function checkSchema(tables: readonly TableSchema[]): void {
  for (const table of tables) {
    checkName(table.name, table.name)
    for (const column of table.columns) checkName(`${table.name}.${column.name}`, column.name)
    for (const index of table.indexes) checkName(`${table.name} (index ${index.name})`, index.name)
    checkReferences(table, tables)
  }
  const names = tables.flatMap((table) => [
    table.name,
    ...table.indexes.map((index) => index.name),
    ...(table.search ? [table.search.name] : []),
  ])
  const twin = names.find((name, i) => names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) < i)
  if (twin)
    throw new Refusal(twin, "two tables or indexes have this name, which SQLite allows once", "rename one of them")
}

function checkName(place: string, name: string): void {
  if (!NAME.test(name)) throw new Refusal(place, "the name isn't letters, digits and _", "give it another name in SQL")
  if (name.match(SPLITTING)?.[0] === name)
    throw new Refusal(
      place,
      `D1 cuts a trigger in two at the word "${name}"`,
      `give it another name in SQL, such as text("${name}_value")`,
    )
}

function checkReferences(table: TableSchema, tables: readonly TableSchema[]): void {
  for (const key of table.foreignKeys) {
    const place = `${table.name}.${key.columns.join("+")}`
    const target = tables.find((other) => other.name === key.table)
    if (!target)
      throw new Refusal(
        place,
        `it refers to ${key.table}, which is not (or no longer) a table of the schema`,
        `export ${key.table} from app/schema.ts, or take the foreign key away`,
      )
    const primary = target.columns.filter((column) => column.primaryKey).map((column) => column.name)
    const unique = [
      primary,
      target.primaryKey,
      ...target.indexes.filter((index) => index.unique && !index.where).map((index) => index.keys),
    ]
    if (!unique.some((names) => same(names.toSorted(), key.target.toSorted())))
      throw new Refusal(
        place,
        `it refers to ${key.table}.${key.target.join("+")}, which is not unique`,
        "add .unique() there, or refer to the id",
      )
  }
}

/** @param command How this migration is asked for, to which options are added in the mend. */
export function checkTables(command: string, created: readonly TableSchema[], dropped: readonly TableSchema[]): void {
  if (created.length === 0 || dropped.length === 0) return
  const names = (tables: readonly TableSchema[]) => tables.map((table) => table.name)
  refuseGuess(command, "the schema", "table", "", names(dropped), names(created))
}

export function checkColumns(command: string, { before, after, addedColumns, droppedColumns }: TableDiff): void {
  if (addedColumns.length === 0 || droppedColumns.length === 0) return
  const names = (columns: TableDiff["addedColumns"]) => columns.map((column) => column.name)
  refuseGuess(command, before.name, "column", `${after.name}.`, names(droppedColumns), names(addedColumns))
}

function refuseGuess(
  command: string,
  place: string,
  what: string,
  prefix: string,
  gone: readonly string[],
  fresh: readonly string[],
): never {
  const renames = gone.slice(0, fresh.length).map((name, i) => `--rename ${prefix}${name}:${fresh[i]}`)
  throw new Refusal(
    place,
    `${what} ${gone.join(", ")} is gone and ${fresh.join(", ")} is new, which may be a rename`,
    `to keep the values run ${command} ${renames.join(" ")}, to drop them run ${command} --drop`,
  )
}

export function checkLosses({ before, after, addedColumns }: TableDiff): void {
  for (const column of addedColumns) {
    if (column.notNull && column.default === null && !column.generated)
      throw new Refusal(
        `${after.name}.${column.name}`,
        "the rows that are there would have no value for a new column that is not null",
        "give it a .default(…), or add it nullable, backfill it, and make it .notNull() in a later migration",
      )
  }
  for (const column of before.columns) {
    const now = columnOf(after, column.name)
    if (now && Boolean(now.generated) !== Boolean(column.generated) && now.generated)
      throw new Refusal(
        `${after.name}.${column.name}`,
        "its values would give way to generated ones",
        "add the generated column under a new name and drop this one",
      )
  }
}

/** Checks the text itself, as far as it isn't quoted: what remote D1 would split wrongly, and what breaks promises. */
export function checkStatement(sql: string): void {
  const place = `${sql.slice(0, 60).replace(/\s+/g, " ")}…`
  const bare = sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, "''")
  if (sql.includes("\r"))
    throw new Refusal(
      place,
      "remote D1 cuts a trigger at a carriage return",
      "write lines with LF, and char(13) in SQL",
    )
  const words = bare.match(SPLITTING) ?? []
  if (!same(words, /^CREATE TRIGGER/.test(sql) ? ["BEGIN", "END"] : []))
    throw new Refusal(
      place,
      `remote D1 splits a file at ${words.join(", ")}`,
      "use iif(…) instead of CASE, and no such word as a name",
    )
  if (/\bDEFERRABLE\b/i.test(bare))
    throw new Refusal(place, "a deferred violation resets the whole database object", "leave DEFERRABLE out")
  if (/\bREPLACE\s+INTO\b|\bOR\s+REPLACE\b/i.test(bare))
    throw new Refusal(place, "REPLACE deletes rows without a change", "use ON CONFLICT … DO UPDATE")
}

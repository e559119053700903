/** The FTS5 table of a searchable collection, and the triggers that keep it. */

import { type Column, quote } from "./columns.ts"
import type { TableModel } from "./table-model.ts"
import type { Trigger } from "./triggers.ts"

export interface SearchTable {
  readonly name: string
  readonly create: string
  /** Fills the index from the rows that are already there. */
  readonly rebuild: string
  readonly triggers: readonly Trigger[]
}

export function searchTableName(model: TableModel): string {
  return `${model.name}_fts`
}

export function searchTable(model: TableModel, columns: readonly Column[]): SearchTable {
  const name = searchTableName(model)
  const fts = quote(name)
  const list = columns.map((c) => quote(c.name)).join(", ")
  const of = (row: "NEW" | "OLD") => columns.map((c) => `${row}.${quote(c.name)}`).join(", ")
  const add = `INSERT INTO ${fts} (rowid, ${list}) VALUES (NEW.rowid, ${of("NEW")});`
  const remove = `INSERT INTO ${fts} (${fts}, rowid, ${list}) VALUES ('delete', OLD.rowid, ${of("OLD")});`
  const on = quote(model.name)
  return {
    name,
    create: `CREATE VIRTUAL TABLE ${fts} USING fts5(${list}, content=${quote(model.name)}, content_rowid='rowid', tokenize="unicode61 remove_diacritics 2", prefix='2 3')`,
    rebuild: `INSERT INTO ${fts} (${fts}) VALUES ('rebuild')`,
    triggers: [
      {
        name: `${name}_insert`,
        sql: `CREATE TRIGGER ${quote(`${name}_insert`)} AFTER INSERT ON ${on}\nBEGIN\n  ${add}\nEND`,
      },
      {
        name: `${name}_delete`,
        sql: `CREATE TRIGGER ${quote(`${name}_delete`)} AFTER DELETE ON ${on}\nBEGIN\n  ${remove}\nEND`,
      },
      {
        name: `${name}_update`,
        sql: `CREATE TRIGGER ${quote(`${name}_update`)} AFTER UPDATE OF ${list} ON ${on}\nBEGIN\n  ${remove}\n  ${add}\nEND`,
      },
    ],
  }
}

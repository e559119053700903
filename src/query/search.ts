/**
 * Full-text search. Whatever was typed becomes quoted words, the last one a prefix. The rank of a record is made of its
 * own text alone: bm25 would tell, by the statistics it uses, what stands in rows and columns that the caller may not see.
 */

import { type Column, quote } from "../schema/columns.ts"
import { searchTableName } from "../schema/search-table.ts"
import type { TableModel } from "../schema/table-model.ts"
import { type Bindings, ref } from "./bindings.ts"
import type { OrderKey } from "./order.ts"

const MOST_WORDS = 12
export const LONGEST_SEARCH = 200

export interface Search {
  readonly typed: string
  readonly phrase: string | undefined
  /** The searchable columns that the caller may see. */
  readonly columns: readonly Column[]
}

/** @param text Any text at all; `phrase` is undefined when there is nothing in it to search for. */
export function compileSearch(text: string, columns: readonly Column[]): Search {
  const words = text
    .normalize("NFC")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    .replace(/[\u0000-\u001f"]/gu, " ")
    .toWellFormed()
    .split(/\s+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .slice(0, MOST_WORDS)
  const phrase = words.length > 0 ? `${words.map((word) => `"${word}"`).join(" ")}*` : undefined
  return { typed: words.join(" "), phrase, columns }
}

/** The rows that match. Only the visible columns are looked into. */
export function searchSql(table: TableModel, search: Search, alias: string, bindings: Bindings): string {
  if (!search.phrase) return "0"
  const fts = quote(searchTableName(table))
  const within = `{${search.columns.map((column) => quote(column.name)).join(" ")}} : (${search.phrase})`
  return `(${alias}.rowid IN (SELECT rowid FROM ${fts} WHERE ${fts} MATCH ${bindings.add(within)}))`
}

/** Equal before starting before containing, earlier columns before later ones, short text before long. */
export function rankKey(search: Search, alias: string, bindings: Bindings): OrderKey {
  const typed = bindings.add(search.typed)
  const scores = search.columns.map((column, i) => {
    const text = `lower(coalesce(${ref(alias, column)}, ''))`
    const weight = 2 ** (search.columns.length - 1 - i)
    return `${weight} * (4 * (${text} = lower(${typed})) + 2 * (substr(${text}, 1, length(${typed})) = lower(${typed})) + (instr(${text}, lower(${typed})) > 0))`
  })
  const length = search.columns.map((column) => `length(coalesce(${ref(alias, column)}, ''))`).join(" + ")
  return { sql: `((${scores.join(" + ")}) * 1000000 - min(${length}, 999999))`, column: undefined, descending: true }
}

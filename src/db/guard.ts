/**
 * A guard: a statement that aborts its whole batch with a code of ours. A code is no JSON path, and SQLite names the
 * path it can't read. It must be a SELECT: a write would first flush what full-text search has pending, and with that
 * change what `changes()` says of the statement before.
 */

import type { Query } from "./query.ts"

/** Marks our own codes in the text of an error. */
export const GUARD_MARK = "SELVEDGE:"

/** @param code SQL of one column: the code of the refusal, or no row, or NULL, to let the batch go on. */
export function guard(code: string, params: readonly unknown[]): Query {
  return { sql: `SELECT json_extract('{}', '${GUARD_MARK}' || (${code}))`, params }
}

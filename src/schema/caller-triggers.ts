/**
 * Triggers that write a change when a session or a key ends while it could still be used, so that whatever it has opened
 * learns of it. Nothing secret is written, and a refresh writes nothing.
 */

import { quote } from "./columns.ts"
import type { TableModel } from "./table-model.ts"
import { NOW, type Trigger, trigger } from "./triggers.ts"

/** When a row ends by itself; NULL is never. */
const UNTIL: Readonly<Record<string, string>> = {
  _sessions: "min(OLD.idle_at, OLD.expires_at)",
  _keys: "OLD.expires_at",
}

/** @returns Empty for a table that nobody signs in with. */
export function callerTriggers({ name }: TableModel): Trigger[] {
  const until = UNTIL[name]
  if (until === undefined) return []
  return [
    trigger(
      `_changes_${name}_update`,
      `AFTER UPDATE OF revoked_at ON ${quote(name)}`,
      `NEW.revoked_at IS NOT NULL AND ${stoodAt("NEW.revoked_at", until)}`,
      change(name, "update", rowOf("NEW")),
    ),
    trigger(
      `_changes_${name}_delete`,
      `AFTER DELETE ON ${quote(name)}`,
      stoodAt(NOW, until),
      change(name, "delete", "NULL"),
    ),
  ]
}

function stoodAt(time: string, until: string): string {
  return `OLD.revoked_at IS NULL AND (${until} > ${time}) IS NOT FALSE`
}

function change(table: string, op: string, after: string): string {
  return `INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('${table}', OLD.id, '${op}', ${rowOf("OLD")}, ${after}, ${NOW});`
}

function rowOf(row: "OLD" | "NEW"): string {
  return `json_object('id', ${row}.id, 'user_id', ${row}.user_id)`
}

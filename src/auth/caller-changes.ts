/** Which changes say that a caller is no longer who it was. */

import type { Change, ChangeRow } from "../core/change.ts"
import type { CallerChange } from "../core/live.ts"

/** Columns of `_users` that decide what its callers may do. */
const DECISIVE = ["roles", "banned_until", "deleted_at"] as const

/** @returns Undefined for a change that concerns no caller's standing. A role that was added counts, as one taken away. */
export function callerChange({ seq, table, recordId: id, op, before, after }: Change): CallerChange | undefined {
  if (op === "insert") return undefined
  if (table === "_sessions") return { seq, kind: "session", id }
  if (table === "_keys") return { seq, kind: "key", id }
  if (table === "_users" && isDecisive(before, after)) return { seq, kind: "user", id }
  return undefined
}

function isDecisive(before: ChangeRow | null, after: ChangeRow | null): boolean {
  return !before || !after || DECISIVE.some((name) => !isSame(before[name], after[name]))
}

/** Roles are a list. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

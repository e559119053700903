/** Who sees the same of a collection as everybody. */

import { ANONYMOUS, type Caller } from "../core/caller.ts"
import { isAlways } from "./filter.ts"
import type { Collection } from "./model.ts"
import { accessFilter, visibleColumns } from "./visibility.ts"

/** Whether the caller may read all rows, as the anonymous caller may, and sees the same fields of them. */
export function hasSharedView(collection: Collection, caller: Caller): boolean {
  if (!readsAll(collection, ANONYMOUS)) return false
  if (caller.kind === "anonymous") return true
  if (!readsAll(collection, caller)) return false
  if (collection.fields.size === 0) return true
  const [own, others] = [visibleColumns(collection, caller), visibleColumns(collection, ANONYMOUS)]
  return own.length === others.length && own.every((column, i) => column === others[i])
}

/** The rule is literally `true` for the caller. */
function readsAll(collection: Collection, caller: Caller): boolean {
  return isAlways(accessFilter(collection, "read", caller))
}

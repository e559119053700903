/** DELETE: a record is gone, and with it what its foreign keys cascade to. */

import type { Collection } from "../access/model.ts"
import { requireAccess } from "../access/visibility.ts"
import { Bindings } from "../query/bindings.ts"
import type { RecordsContext } from "./context.ts"
import { followingJobs } from "./following-jobs.ts"
import { type Operation, type Precondition, WriteTarget } from "./operation.ts"
import { isId, notFound } from "./read.ts"
import { afterDeleteGuard } from "./update.ts"

/** @throws SelvedgeError for a plain refusal, or `not_found` for text that is no id. */
export function removeOperation(
  context: RecordsContext,
  collection: Collection,
  id: string,
  precondition: Precondition,
): Operation {
  const rule = requireAccess(collection, "delete", context.caller)
  const target = new WriteTarget(collection, context.caller)
  if (!isId(id)) throw notFound()
  const bindings = new Bindings()
  const where = target.writableRow(id, precondition, rule, bindings)
  const gone = { status: 204, id, version: 0, record: undefined } as const
  const jobs = followingJobs(context, collection, "delete", id, undefined)
  return {
    collection,
    action: "delete",
    queries: (index, recorder) => [
      ...jobs.queries(),
      { sql: `DELETE FROM ${target.table} WHERE ${where}`, params: bindings.values },
      afterDeleteGuard(target, rule, id, precondition, index),
      ...(recorder ? [recorder.append(index, "json_array(204)", new Bindings())] : []),
    ],
    result: () => gone,
    committed: jobs.committed,
    replay: () => gone,
  }
}

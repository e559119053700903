/** Jobs that follow from a write: stored in its batch, and told to the queue once that is committed. */

import type { RecordWrite } from "../access/collection.ts"
import type { Collection } from "../access/model.ts"
import type { Enqueued } from "../core/job.ts"
import type { Query } from "../db/query.ts"
import type { RecordsContext } from "./context.ts"

export interface FollowingJobs {
  /** For the head of the batch: what follows them may ask for `changes()` of the write. */
  queries(condition?: string): Query[]
  committed(): void
}

/** @throws TypeError when the collection gives something else than a list of what `enqueue` made. */
export function followingJobs(
  { caller, enqueue }: RecordsContext,
  { name, jobs }: Collection,
  action: "create" | "update" | "delete",
  id: string,
  input: unknown,
): FollowingJobs {
  const make = jobs[action] as ((write: RecordWrite<unknown>) => readonly Enqueued[]) | undefined
  const made = make?.({ id, caller, input, enqueue }) ?? []
  if (!Array.isArray(made) || !made.every(isEnqueued))
    throw new TypeError(`${name}.jobs.${action}: it must return a list of what enqueue() gives`)
  return {
    queries: (condition) => made.map((job) => job.toSQL(condition)),
    committed: () => {
      for (const job of made) job.committed()
    },
  }
}

function isEnqueued(value: Partial<Enqueued> | undefined): boolean {
  return typeof value?.toSQL === "function" && typeof value.committed === "function"
}

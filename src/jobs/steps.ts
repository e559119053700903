/** `ctx.once`: steps of a job that a retry doesn't repeat. */

import type { Query, ResultRow } from "../db/query.ts"
import type { Once } from "./definition.ts"
import { toResultText } from "./json-text.ts"
import type { ClaimedJob } from "./row.ts"

const HELD = "EXISTS (SELECT 1 FROM _jobs WHERE id = ?1 AND claim = ?3 AND state = 'running')"

/**
 * What a step gave is stored when it ends. A crash in between lets it run again, so hand its key to the outside party:
 * it is the same in every attempt. A run whose lease is gone neither begins a step nor stores one.
 *
 * @param lost Ends the run; called when the lease is gone.
 */
export function createOnce(
  { id, claim }: Pick<ClaimedJob, "id" | "claim">,
  now: () => number,
  write: (queries: Query[]) => Promise<ResultRow[][]>,
  lost: () => never,
): Once {
  return async <T>(name: string, step: (key: string) => T | Promise<T>): Promise<T> => {
    const select = {
      sql: `SELECT ${HELD} AS held, (SELECT result FROM _job_steps WHERE job_id = ?1 AND name = ?2) AS result`,
      params: [id, name, claim],
    }
    const [before] = await write([select])
    if (before![0]!.held !== 1) return lost()
    if (before![0]!.result !== null) return JSON.parse(before![0]!.result as string)
    const result = toResultText(`step ${name}`, await step(`${id}:${name}`))
    const insert = {
      sql: `INSERT INTO _job_steps (job_id, name, result, created_at) SELECT ?1, ?2, ?4, ?5 WHERE ${HELD} ON CONFLICT DO NOTHING`,
      params: [id, name, claim, result, now()],
    }
    const [, after] = await write([insert, select])
    if (after![0]!.held !== 1) return lost()
    return JSON.parse(after![0]!.result as string)
  }
}

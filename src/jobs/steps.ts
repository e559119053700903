/** `ctx.once`: steps of a job that a retry doesn't repeat. */

import type { Query, ResultRow } from "../db/query.ts"
import type { Once } from "./definition.ts"
import { MOST_RESULT_BYTES } from "./end.ts"

/**
 * What a step gave is stored when it ends. A crash in between lets it run again, so hand its key to the outside party:
 * it is the same in every attempt.
 */
export function createOnce(
  jobId: string,
  now: () => number,
  write: (queries: Query[]) => Promise<ResultRow[][]>,
): Once {
  return async <T>(name: string, step: (key: string) => T | Promise<T>): Promise<T> => {
    const select = { sql: "SELECT result FROM _job_steps WHERE job_id = ? AND name = ?", params: [jobId, name] }
    const [known] = await write([select])
    if (known?.[0]) return JSON.parse(known[0].result as string)
    const result = JSON.stringify((await step(`${jobId}:${name}`)) ?? null)
    if (result.length > MOST_RESULT_BYTES)
      throw new TypeError(`step ${name}: its result may hold ${MOST_RESULT_BYTES} bytes`)
    const insert = {
      sql: "INSERT INTO _job_steps (job_id, name, result, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      params: [jobId, name, result, now()],
    }
    const [, kept] = await write([insert, select])
    return JSON.parse(kept![0]!.result as string)
  }
}

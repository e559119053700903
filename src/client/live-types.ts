/** What a live list is to those who show it. */

import type { ProblemError } from "./problem.ts"

export interface LiveState<R> {
  /** In the order of the query, at most its limit, own writes that have no answer yet included. */
  readonly data: readonly R[]
  /**
   * - `loading`: nothing has come yet; `problem` is `unreachable` as long as nobody answers
   * - `live`: every change comes
   * - `offline`: what was last known; it is caught up with as soon as there is a connection
   * - `static`: read once, since the collection isn't live, or the query is one that can't be followed
   * - `failed`: refused, see `problem`
   */
  readonly status: "loading" | "live" | "offline" | "static" | "failed"
  readonly problem: ProblemError | undefined
  /** Whether more records match than are shown. */
  readonly hasMore: boolean
  /** Ids of the records with own writes that have no answer yet. */
  readonly pending: ReadonlySet<string>
}

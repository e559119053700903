/** The state of a list as it is shown, in which what hasn't changed stays the same object. */

import type { LiveState } from "../live-types.ts"
import type { ClientRecord, Outbox, Write } from "../outbox.ts"
import type { ProblemError } from "../problem.ts"
import type { QueryObject } from "../query-string.ts"
import type { Store, Value } from "../store.ts"
import type { CollectionReads } from "./contract.ts"

/** A list that is kept. */
export interface OpenList {
  readonly collection: CollectionReads
  readonly query: QueryObject
  /** The conditions of the query. */
  readonly filter: QueryObject
  readonly outbox: Outbox
  readonly user: Store<{ readonly id: string } | null>
  readonly value: Value<LiveState<ClientRecord>>
}

interface Shown {
  readonly data: readonly ClientRecord[]
  readonly status: "live" | "offline" | "static"
  readonly hasMore: boolean
  readonly pending: readonly Write[]
}

export function show({ value }: OpenList, { data, status, hasMore, pending }: Shown): void {
  const before = value.get()
  const ids = new Set(pending.map(({ id }) => id))
  const after = {
    data: isSame(before.data, data) ? before.data : data,
    status,
    problem: undefined,
    hasMore,
    pending: isSame([...before.pending], [...ids]) ? before.pending : ids,
  }
  if (!isSame(Object.values(before), Object.values(after))) value.set(after)
}

/** Nothing is known any more: for the problem, or as long as it is asked for. */
export function clear({ value }: Pick<OpenList, "value">, problem?: ProblemError): void {
  const status = problem ? "failed" : "loading"
  value.set({ data: [], status, problem, hasMore: false, pending: value.get().pending })
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, i) => Object.is(item, other[i]))
}

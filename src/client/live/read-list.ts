/** A list that is read, since nothing tells of its changes: again after own writes, and after a failure. */

import { watchNetwork } from "../network.ts"
import type { ClientRecord } from "../outbox.ts"
import { isProblem, type ProblemError } from "../problem.ts"
import { filterOf, jsonText, type QueryObject } from "../query-string.ts"
import type { OpenList } from "./lists.ts"
import { lay } from "./overlay.ts"
import { relationsOf, show } from "./shown.ts"
import { Window } from "./window.ts"

const STANDARD_LIMIT = 20

/** @returns Ends it. */
export function readList({ collection, query, outbox, value }: OpenList): () => void {
  const filter = JSON.parse(jsonText(filterOf(query))) as QueryObject
  const window_ = new Window(filter, relationsOf(query), Number.POSITIVE_INFINITY)
  let reading: AbortController | undefined
  let problem: ProblemError | undefined
  let isLoaded = false
  let isStale = false
  let hasMore = false
  let listed: readonly string[] = []

  const stopWrites = outbox.subscribe((written) => {
    for (const one of written) {
      if (one.write.collection !== collection.name) continue
      window_.write(one)
      isStale = true
    }
    update()
    if (isStale && outbox.pendingOf(collection.name).length === 0) void read()
  })
  const stopNetwork = watchNetwork(() => {
    if (problem) void read()
  })
  void read()

  async function read(): Promise<void> {
    isStale = false
    reading?.abort()
    const own = new AbortController()
    reading = own
    try {
      const page = await collection.list(query, { signal: own.signal })
      if (own.signal.aborted) return
      problem = undefined
      hasMore = page.page.next !== null
      isLoaded = true
      listed = page.data.map(({ id }) => id)
      const sort = query.sort === undefined || query.q !== undefined ? "" : `${query.sort},id`
      window_.takeSnapshot({ type: "snapshot", ...page, sort })
      update()
    } catch (error) {
      if (own.signal.aborted) return
      if (!isProblem(error)) throw error
      problem = error
      const isLost = isProblem(error, "unreachable") && isLoaded
      value.set({ ...value.get(), ...(isLost ? { status: "offline" } : { data: [], status: "failed", problem }) })
    }
  }

  function update(): void {
    if (!isLoaded) return
    const pending = outbox.pendingOf(collection.name)
    const records = lay(window_.records, pending, filter)
    const data = listed.flatMap((id) => records.get(id) ?? [])
    for (const record of records.values()) if (!listed.includes(record.id)) insert(data, record)
    const limit = typeof query.limit === "number" ? query.limit : STANDARD_LIMIT
    show(value, {
      data: data.slice(0, limit),
      status: problem ? "offline" : "static",
      hasMore: hasMore || data.length > limit,
      pending,
    })
  }

  /** Where the order says so; where nobody knows it, nowhere. */
  function insert(data: ClientRecord[], record: ClientRecord): void {
    const { names, compare } = window_.order
    if (names[0] === "" || query.after !== undefined || query.before !== undefined) return
    window_.order.see(record)
    const place = data.findIndex((other) => compare(record, other) < 0)
    if (place >= 0 || !hasMore) data.splice(place >= 0 ? place : data.length, 0, window_.complete(record))
  }

  return () => {
    reading?.abort()
    stopWrites()
    stopNetwork()
  }
}

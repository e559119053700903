/** A list that is read, since nothing tells of its changes: again after own writes, and after a failure. */

import { watchNetwork } from "../network.ts"
import type { ClientRecord } from "../outbox.ts"
import { isProblem } from "../problem.ts"
import { lay } from "./overlay.ts"
import { clear, type OpenList, show } from "./shown.ts"
import { createWindow } from "./window.ts"

const STANDARD_LIMIT = 20

/** @returns Ends it. */
export function readList(list: OpenList): () => void {
  const { collection, query, filter, outbox, user } = list
  let window_ = newWindow()
  let userId = user.get()?.id
  let reading: AbortController | undefined
  let listed: readonly string[] = []
  let hasMore = false
  let isLoaded = false
  let isStale = false
  let hasFailed = false

  const stops = [
    outbox.subscribe((written) => {
      for (const one of written) {
        if (one.write.collection !== collection.name) continue
        window_.write(one)
        isStale = true
      }
      update()
      if (isStale && outbox.pendingOf(collection.name).length === 0) void read()
    }),
    watchNetwork(() => {
      if (hasFailed) void read()
    }),
    user.subscribe(() => {
      if (user.get()?.id === userId) return
      userId = user.get()?.id
      isLoaded = false
      window_ = newWindow()
      clear(list)
      void read()
    }),
  ]
  void read()

  function newWindow() {
    return createWindow(list, Number.POSITIVE_INFINITY)
  }

  async function read(): Promise<void> {
    isStale = false
    reading?.abort()
    reading = new AbortController()
    const { signal } = reading
    try {
      const { data, page } = await collection.list(query, { signal })
      if (signal.aborted) return
      const sort = query.sort === undefined || query.q !== undefined ? "" : `${query.sort},id`
      window_.takeSnapshot({ type: "snapshot", data, page, sort })
      listed = data.map(({ id }) => id)
      hasMore = page.next !== null
      isLoaded = true
      hasFailed = false
      update()
    } catch (error) {
      if (signal.aborted) return
      if (!isProblem(error)) throw error
      hasFailed = true
      if (isLoaded && isProblem(error, "unreachable")) return update()
      isLoaded = false
      clear(list, error)
    }
  }

  function update(): void {
    if (!isLoaded) return
    const pending = outbox.pendingOf(collection.name)
    const records = lay(window_.records, pending, filter)
    const data = listed.flatMap((id) => records.get(id) ?? [])
    for (const record of records.values()) if (!listed.includes(record.id)) insert(data, record)
    const limit = Number(query.limit ?? STANDARD_LIMIT)
    show(list, {
      data: data.slice(0, limit).map((record) => window_.complete(record)),
      status: hasFailed ? "offline" : "static",
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
    if (place >= 0 || !hasMore) data.splice(place >= 0 ? place : data.length, 0, record)
  }

  return () => {
    reading?.abort()
    for (const stop of stops) stop()
  }
}

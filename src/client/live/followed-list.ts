/** A list that follows the collection's changes. */

import type { ProblemError } from "../problem.ts"
import { filterOf, jsonText, type QueryObject } from "../query-string.ts"
import type { LiveConnection } from "./contract.ts"
import type { OpenList } from "./lists.ts"
import { lay } from "./overlay.ts"
import { relationsOf, show } from "./shown.ts"
import { Window } from "./window.ts"

const STANDARD_LIMIT = 100
const MOST_RECORDS = 1_000
/** Asked for beyond the limit, so that not each record that goes is a reason to ask anew. */
const SPARE = 5
const ASK_EVERY_MS = 1_000

/** @param refused The list isn't kept any more. @returns Ends it. */
export function followList(
  connection: LiveConnection,
  { collection, query, outbox, value }: OpenList,
  refused: (problem: ProblemError) => void,
): () => void {
  const limit = typeof query.limit === "number" ? query.limit : STANDARD_LIMIT
  const filter = JSON.parse(jsonText(filterOf(query))) as QueryObject
  const window_ = new Window(filter, relationsOf(query), limit + SPARE)
  let sortKeys = String(query.sort ?? "").split(",")
  let isConnected = true
  let isLoaded = false
  let isAsking = true
  let askedAt = Date.now()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isDue = false
  let isEnded = false

  const subscription = connection.follow(collection.name, wanted(), {
    take(message) {
      if (message.type === "snapshot") {
        isAsking = false
        sortKeys = message.sort.split(",")
        window_.takeSnapshot(message)
        if (lacksKeys(message.data[0])) return ask()
        isLoaded = true
      } else window_.takeChange(message)
      later()
    },
    fail(problem) {
      if (problem.retryAfter !== undefined) return
      end()
      refused(problem)
    },
    connected(isNow) {
      isConnected = isNow
      later()
    },
  })
  const stop = outbox.subscribe((written) => {
    for (const one of written) if (one.write.collection === collection.name) window_.write(one)
    update()
  })

  /** With the fields that it takes to keep the list in order. */
  function wanted(): QueryObject {
    const isUsual = Number.isInteger(limit) && limit > 0 && limit <= MOST_RECORDS
    const names = ["id", "version", ...sortKeys.map((key) => key.replace("-", "")).filter(Boolean)]
    const fields = Array.isArray(query.fields) && [...new Set([...query.fields, ...names])]
    return {
      ...query,
      limit: isUsual ? Math.min(limit + SPARE, MOST_RECORDS) : query.limit,
      ...(fields && { fields }),
    }
  }

  function lacksKeys(record: QueryObject | undefined): boolean {
    return record !== undefined && window_.order.names.some((name) => !(name in record))
  }

  function ask(): void {
    isAsking = true
    askedAt = Date.now()
    timer = undefined
    subscription.ask(wanted())
  }

  /** Once for all that comes at the same time. */
  function later(): void {
    if (!isDue) queueMicrotask(update)
    isDue = true
  }

  function update(): void {
    isDue = false
    if (!isLoaded || isEnded) return
    const pending = outbox.pendingOf(collection.name)
    const records = [...lay(window_.records, pending, filter).values()]
    for (const record of records) if (record.version === 0) window_.order.see(record)
    const known = records.filter((record) => window_.isKnown(record)).sort(window_.order.compare)
    show(value, {
      data: known.slice(0, limit).map((record) => (record.version === 0 ? window_.complete(record) : record)),
      status: isConnected ? "live" : "offline",
      hasMore: known.length > limit || window_.horizon !== undefined,
      pending,
    })
    const isShort = window_.horizon !== undefined && window_.records.size < limit
    if (isShort && !isAsking) timer ??= setTimeout(ask, askedAt + ASK_EVERY_MS - Date.now())
  }

  function end(): void {
    isEnded = true
    clearTimeout(timer)
    stop()
    subscription.end()
  }
  return end
}

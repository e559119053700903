/** A list that follows the collection's changes. */

import { unreachable } from "../problem.ts"
import type { QueryObject } from "../query-string.ts"
import type { LiveConnection } from "./contract.ts"
import { lay } from "./overlay.ts"
import { clear, type OpenList, show } from "./shown.ts"
import { createWindow } from "./window.ts"

const STANDARD_LIMIT = 100
const MOST_RECORDS = 1_000
/** Asked for beyond the limit, so that not each record that goes is a reason to ask anew. */
const SPARE = 5
const ASK_EVERY_MS = 1_000

/** @param notLive The collection isn't; nothing is kept any more. @returns Ends it. */
export function followList(connection: LiveConnection, list: OpenList, notLive: () => void): () => void {
  const { collection, query, filter, outbox, value } = list
  const limit = Number(query.limit ?? STANDARD_LIMIT)
  let window_ = newWindow()
  let asked = wanted()
  let isConnected = true
  let isLoaded = false
  let isAsking = true
  let askedAt = Date.now()
  let asking: ReturnType<typeof setTimeout> | undefined
  let isDue = false
  let isEnded = false

  const subscription = connection.follow(collection.name, asked, {
    take(message) {
      if (message.type === "change") window_.takeChange(message)
      else {
        isAsking = false
        window_.takeSnapshot(message)
        isLoaded = String(wanted().fields) === String(asked.fields)
        if (!isLoaded) ask()
      }
      updateSoon()
    },
    fail(problem) {
      if (problem.code === "not_found") {
        end()
        notLive()
      } else if (problem.retryAfter === undefined && problem.status > 0 && problem.status < 500) {
        forget()
        clear(list, problem)
      }
    },
    connected(isNow) {
      isConnected = isNow
      if (!isLoaded && !isNow) value.set({ ...value.get(), problem: unreachable() })
      updateSoon()
    },
    forget() {
      forget()
      clear(list)
    },
  })
  const stopWrites = outbox.subscribe((written) => {
    for (const one of written) if (one.write.collection === collection.name) window_.write(one)
    update()
  })

  function newWindow() {
    return createWindow(list, limit + SPARE)
  }

  /** With the fields that it takes to keep the list in order. */
  function wanted(): QueryObject {
    const names = ["id", "version", ...window_.order.names]
    return {
      ...query,
      limit: limit > 0 && limit + SPARE <= MOST_RECORDS ? limit + SPARE : query.limit,
      ...(query.fields !== undefined && {
        fields: [...new Set([...String(query.fields).split(","), ...names])].filter(Boolean),
      }),
    }
  }

  function ask(): void {
    isAsking = true
    askedAt = Date.now()
    asking = undefined
    asked = wanted()
    subscription.ask(asked)
  }

  /** Once for all that comes at the same time. */
  function updateSoon(): void {
    if (!isDue) queueMicrotask(update)
    isDue = true
  }

  function update(): void {
    isDue = false
    if (!isLoaded || isEnded) return
    const pending = outbox.pendingOf(collection.name)
    const records = [...lay(window_.records, pending, filter).values()]
    for (const record of records) window_.order.see(record)
    const known = records.filter((record) => window_.isKnown(record)).sort(window_.order.compare)
    show(list, {
      data: known.slice(0, limit).map((record) => window_.complete(record)),
      status: isConnected ? "live" : "offline",
      hasMore: known.length > limit || window_.horizon !== undefined,
      pending,
    })
    const isShort = window_.horizon !== undefined && window_.records.size < limit
    if (isShort && !isAsking) asking ??= setTimeout(ask, Math.max(0, askedAt + ASK_EVERY_MS - Date.now()))
  }

  function forget(): void {
    isLoaded = false
    window_ = newWindow()
  }

  function end(): void {
    isEnded = true
    clearTimeout(asking)
    stopWrites()
    subscription.end()
  }
  return end
}

/** Lists that are kept: those that the server follows, and those that are read. Equal ones are kept once. */

import type { ListRequest } from "../collection.ts"
import type { LiveState } from "../live-types.ts"
import type { ClientRecord, Outbox } from "../outbox.ts"
import { isProblem } from "../problem.ts"
import { type QueryObject, queryString } from "../query-string.ts"
import { Value } from "../store.ts"
import type { LiveConnection } from "./contract.ts"
import { followList } from "./followed-list.ts"
import { readList } from "./read-list.ts"

/** What a list needs of its collection. */
export interface CollectionReads {
  readonly name: string
  list(query: QueryObject, options: { readonly signal: AbortSignal }): ListRequest<ClientRecord>
}

export interface ListClient {
  readonly connection: LiveConnection
  /** Keeps the value as the list is, until it is ended. */
  open(collection: CollectionReads, query: QueryObject, value: Value<LiveState<ClientRecord>>): { end(): void }
}

/** A list that is kept. */
export interface OpenList {
  readonly collection: CollectionReads
  readonly query: QueryObject
  readonly outbox: Outbox
  readonly value: Value<LiveState<ClientRecord>>
}

/** They ask for a page, or for a rank: no change says what becomes of those. */
const READ_ONLY = ["q", "after", "before", "count"]

export function createLists(connection: LiveConnection, outbox: Outbox): ListClient {
  const open = new Map<string, { readonly value: Value<LiveState<ClientRecord>>; readonly end: () => void }>()
  return {
    connection,
    open(collection, query, value) {
      const key = `${collection.name}${queryString(query)}`
      const list = open.get(key) ?? begin(connection, { collection, query, outbox, value: new Value(value.get()) })
      open.set(key, list)
      value.set(list.value.get())
      const stop = list.value.subscribe(() => value.set(list.value.get()))
      return {
        end() {
          stop()
          if (value.get().status === "live") value.set({ ...value.get(), status: "offline" })
          if (list.value.isWatched || open.get(key) !== list) return
          open.delete(key)
          list.end()
        },
      }
    },
  }
}

function begin(connection: LiveConnection, list: OpenList) {
  let end: () => void
  const read = () => {
    end = readList(list)
  }
  if (READ_ONLY.some((name) => list.query[name] !== undefined)) read()
  else
    end = followList(connection, list, (problem) => {
      if (isProblem(problem, "not_found")) read()
      else list.value.set({ ...list.value.get(), data: [], status: "failed", problem })
    })
  return { value: list.value, end: () => end() }
}

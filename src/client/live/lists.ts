/** Lists that are kept: those that the server follows, and those that are read. Equal ones are kept once. */

import type { LiveState } from "../live-types.ts"
import type { ClientRecord, Outbox } from "../outbox.ts"
import { unreachable } from "../problem.ts"
import { filterOf, queryString } from "../query-string.ts"
import { type Store, Value } from "../store.ts"
import type { ListClient, LiveConnection } from "./contract.ts"
import { followList } from "./followed-list.ts"
import { clear, type OpenList } from "./shown.ts"

/** They ask for a page, or for a rank: no change says what becomes of those. */
const READ_ONLY = ["q", "after", "before", "count"]

interface Kept {
  readonly value: Value<LiveState<ClientRecord>>
  readonly end: () => void
}

/** @param user Whoever is signed in; another one is shown nothing of what was read for the last. */
export function createLists(
  connection: LiveConnection,
  outbox: Outbox,
  user: Store<{ readonly id: string } | null>,
): ListClient {
  const open = new Map<string, Kept>()
  /** Who has seen what a list that ended still shows. */
  const seenBy = new WeakMap<object, string | undefined>()
  return {
    connection,
    open(collection, query, value) {
      const key = collection.name + queryString(query)
      if (seenBy.has(value) && seenBy.get(value) !== user.get()?.id) clear({ value })
      const opening = { collection, query, filter: filterOf(query), outbox, user, value: new Value(value.get()) }
      const list = open.get(key) ?? keep(connection, opening)
      open.set(key, list)
      const tell = () => value.set(list.value.get())
      const stop = list.value.subscribe(tell)
      tell()
      return {
        end() {
          stop()
          seenBy.set(value, user.get()?.id)
          if (value.get().status === "live") value.set({ ...value.get(), status: "offline" })
          if (list.value.isWatched || open.get(key) !== list) return
          open.delete(key)
          list.end()
        },
      }
    },
  }
}

function keep(connection: LiveConnection, list: OpenList): Kept {
  let end: () => void
  const read = async () => {
    let isWanted = true
    end = () => {
      isWanted = false
    }
    try {
      const { readList } = await import("./read-list.ts")
      if (isWanted) end = readList(list)
    } catch (cause) {
      clear(list, unreachable(cause))
    }
  }
  if (READ_ONLY.some((name) => list.query[name] !== undefined)) void read()
  else end = followList(connection, list, read)
  return { value: list.value, end: () => end() }
}

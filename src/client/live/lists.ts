/** Live lists: what the server has told, what this client has written, sorted and limited. */

import type { ListRequest } from "../collection.ts"
import type { LiveState } from "../live-types.ts"
import type { ClientRecord, Outbox } from "../outbox.ts"
import type { QueryObject } from "../query-string.ts"
import type { Value } from "../store.ts"
import type { LiveConnection } from "./contract.ts"

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

export function createLists(connection: LiveConnection, outbox: Outbox): ListClient {
  return { connection, open: (collection, query, value) => openList(connection, outbox, collection, query, value) }
}

function openList(
  connection: LiveConnection,
  _outbox: Outbox,
  collection: CollectionReads,
  query: QueryObject,
  value: Value<LiveState<ClientRecord>>,
): { end(): void } {
  return connection.follow(collection.name, query, {
    take: (message) => {
      if (message.type === "snapshot")
        value.set({ ...value.get(), status: "live", data: message.data, hasMore: message.page.next !== null })
    },
    fail: (problem) => value.set({ ...value.get(), status: "failed", problem }),
    connected: () => undefined,
  }) as unknown as { end(): void }
}

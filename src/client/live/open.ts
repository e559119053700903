/** The live part of the client, loaded with the first list or channel. */

import type { Http } from "../http.ts"
import type { Outbox } from "../outbox.ts"
import type { Session } from "../session.ts"
import { createConnection } from "./connection.ts"
import type { ListClient } from "./contract.ts"
import { createLists } from "./lists.ts"

export interface LiveParts {
  readonly http: Http
  readonly session: Session
  readonly outbox: Outbox
  readonly webSocket: typeof WebSocket | undefined
}

export function openLive(parts: LiveParts): ListClient {
  return createLists(createConnection(parts), parts.outbox, parts.session.user)
}

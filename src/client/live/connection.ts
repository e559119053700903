/** The one WebSocket of a client, and all that it carries. */

import type { Http } from "../http.ts"
import type { Session } from "../session.ts"
import type { LiveConnection } from "./contract.ts"

export interface ConnectionParts {
  readonly http: Http
  readonly session: Session
  readonly webSocket: typeof WebSocket | undefined
}

export function createConnection(_: ConnectionParts): LiveConnection {
  throw new TypeError("There is no connection yet.")
}

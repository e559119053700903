/** What the parts of a hub share. */

import type { Collections } from "../access/model.ts"
import type { SocketCallers } from "../auth/socket-callers.ts"
import type { Clock } from "../core/clock.ts"
import type { Isolate } from "../db/isolate.ts"
import type { Channels } from "./channels.ts"
import type { Connection } from "./connection.ts"
import type { HubStore } from "./hub-store.ts"
import type { Links } from "./links.ts"
import type { LiveNamespace, TopicStub } from "./objects.ts"
import type { Subscription } from "./subscription.ts"

/** What a backend's hubs are made of. */
export interface HubOptions {
  readonly d1: D1Database
  readonly isolate: Isolate
  readonly collections: Collections
  readonly channels: Channels
  readonly callers: SocketCallers
  /** What only this backend can say of a text: 43 letters, digits and `-_`. */
  readonly prove: (text: string) => string
  readonly topics: LiveNamespace<TopicStub>
  readonly now: Clock
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

export interface HubContext extends HubOptions {
  /** This hub's name. */
  readonly hub: string
  readonly store: HubStore
  readonly links: Links
  /** Sends a frame now, or drops a client that doesn't read. */
  send(connection: Connection, frame: string): void
  /** Ends what can't go on, and tells its client why. */
  fail(subscription: Subscription, error: unknown): Promise<void>
  /** Logs what went wrong inside; a refusal is the client's own. */
  report(error: unknown): void
}

/** A live client as a process of its own: tells its parent each frame with the time at which it came. */

import type { Message } from "../../live/client.ts"
import { listen } from "./listener.ts"

export interface ClientOptions {
  readonly url: string
  readonly token?: string | undefined
  readonly subscriptions: readonly Message[]
}

export type ClientOrder = { readonly order: "send"; readonly message: Message } | { readonly order: "away" | "back" }

/** What the parent hears. `at` is in milliseconds since 1970. */
export type ClientReport =
  | { readonly frame: readonly Message[]; readonly connection: number; readonly at: number }
  | { readonly closed: number }

const { url, token, subscriptions } = JSON.parse(process.argv[2]!) as ClientOptions
const listener = listen({
  url: () => url,
  token,
  subscriptions,
  take: (frame, connection) => report({ frame, connection, at: Date.now() }),
  closed: (code) => report({ closed: code }),
})

process.on("message", (order: ClientOrder) => {
  if (order.order === "send") listener.send(order.message)
  else listener[order.order]()
})
process.on("disconnect", () => process.exit())

function report(heard: ClientReport): void {
  process.send?.(heard)
}

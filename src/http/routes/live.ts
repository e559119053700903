/** `/v1/live`: the upgrade to a WebSocket, which ends at a hub. */

import type { Context, Hono } from "hono"
import type { Collections } from "../../access/model.ts"
import { SelvedgeError } from "../../core/problem.ts"
import { clientOf, type Hubs } from "../../live/hub-choice.ts"
import { noParameters } from "../../query/parameters.ts"
import type { AppEnv } from "../context.ts"
import { methodNotAllowed } from "../methods.ts"
import { unlistedOrigin } from "../origin.ts"
import { LIVE_PATH } from "../request-charge.ts"

export interface LiveOptions {
  readonly hubs: Hubs
  readonly hasChannels: boolean
}

interface LiveRouteOptions {
  readonly collections: Collections
  readonly origins: readonly string[]
  readonly live?: LiveOptions | undefined
}

export function liveRoutes(app: Hono<AppEnv>, { collections, origins, live }: LiveRouteOptions): void {
  if (live && hasLive(collections, live)) app.all(LIVE_PATH, (c) => upgrade(c, origins, live.hubs))
}

/** Whether there is anything to subscribe to; without it there is no such path. */
export function hasLive(collections: Collections, live: Pick<LiveOptions, "hasChannels"> | undefined): boolean {
  if (!live) return false
  return live.hasChannels || [...collections.values()].some((collection) => collection.live)
}

/** Of who asks nothing goes on: a client says who it is in a frame, again and again. */
async function upgrade(c: Context<AppEnv>, origins: readonly string[], hubs: Hubs): Promise<Response> {
  const request = c.req.raw
  if (request.method !== "GET" && request.method !== "HEAD") throw methodNotAllowed(["GET", "HEAD"])
  // a browser lets every site open a WebSocket, and CORS keeps none from reading it
  if (unlistedOrigin(request, origins) !== undefined)
    throw new SelvedgeError("forbidden", "A socket may be opened from listed sites only.")
  noParameters(request.url)
  const isUpgrade = request.method === "GET" && request.headers.get("Upgrade")?.toLowerCase() === "websocket"
  if (!isUpgrade)
    throw new SelvedgeError("upgrade_required", "This path is for WebSockets.", { headers: { Upgrade: "websocket" } })
  return hubs.open(clientOf(request))
}

/** Which hub a client's socket ends at: one near it, with room. */

import type { Clock } from "../core/clock.ts"
import { SelvedgeError } from "../core/problem.ts"
import { addressKey } from "../limits/address-key.ts"
import type { HubStub, LiveNamespace } from "./objects.ts"
import { NOWHERE, type Place, type Region, regionOf } from "./regions.ts"

/** The hubs of a region form a tree, in which hub n has the children 2n + 1 and 2n + 2. */
const ROOT = 0
/** Full hubs that are asked before a client is sent away; there are more of them in a region than will ever be. */
const MOST_STEPS = 20
/** Above a hub with room, others get room again, and are asked again after this long. */
const REMEMBERED_MS = 60_000
const RETRY_AFTER_S = 5
/** A hub is told apart from others by its path alone. */
const HUB_URL = "https://hub/live"

export interface Client {
  readonly region: Region
  /** Under which it is counted. */
  readonly address: string
  /** Whether it is the Worker itself, which writes events out of what it gets. */
  readonly isStream?: boolean
}

export interface Hubs {
  /**
   * The answer to an upgrade, with the client's end of the socket in it.
   *
   * @throws SelvedgeError `overloaded` when no hub has room.
   */
  open(client: Client): Promise<Response & { readonly webSocket: WebSocket }>
}

export interface HubsOptions {
  readonly namespace: LiveNamespace<Pick<HubStub, "fetch">>
  readonly now: Clock
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
  /** From 0 to below 1. */
  readonly random?: () => number
}

export function clientOf({ cf, headers }: Request): Client {
  return { region: regionOf(cf as Place | undefined), address: addressKey(headers.get("CF-Connecting-IP")) }
}

/** One for the isolate: it remembers where there was room. */
export function createHubs({ namespace, now, log, random = Math.random }: HubsOptions): Hubs {
  const found = new Map<Region, { hub: number; readonly until: number }>()

  async function open(client: Client) {
    const known = found.get(client.region)
    const memory = known && known.until > now() ? known : { hub: ROOT, until: now() + REMEMBERED_MS }
    let hub = memory.hub
    for (let step = 0; step < MOST_STEPS; step++) {
      const answer = await ask(hub, client)
      if (hasSocket(answer)) {
        memory.hub = hub
        found.set(client.region, memory)
        return answer
      }
      hub = 2 * hub + (random() < 0.5 ? 1 : 2)
    }
    found.delete(client.region)
    throw new SelvedgeError("overloaded", "No more sockets can be held at the moment.", {
      headers: { "Retry-After": String(RETRY_AFTER_S) },
    })
  }

  /** @returns Undefined for a hub that fails, and fails again. */
  async function ask(hub: number, client: Client): Promise<Response | undefined> {
    const name = `${client.region}:${hub}`
    try {
      return await askOnce(name, client).catch(() => askOnce(name, client))
    } catch (error) {
      log({ level: "error", event: "hub_not_reached", hub: name, causes: [String(error)] })
      return undefined
    }
  }

  /** After a failure a stub is of no more use, so each call gets its own. */
  function askOnce(name: string, { region, address, isStream }: Client): Promise<Response> {
    const hub = region === NOWHERE ? namespace.getByName(name) : namespace.getByName(name, { locationHint: region })
    const headers = {
      Upgrade: "websocket",
      "X-Selvedge-Address": address,
      ...(isStream && { "X-Selvedge-Stream": "1" }),
    }
    return hub.fetch(new Request(HUB_URL, { headers }))
  }

  return { open }
}

function hasSocket(answer: Response | undefined): answer is Response & { readonly webSocket: WebSocket } {
  return Boolean(answer?.webSocket)
}

/** A hub as a Durable Object: it holds clients' sockets, which hibernate. */

import { DurableObject } from "cloudflare:workers"
import type { Push } from "../core/live.ts"
import type { Hub } from "./hub.ts"
import type { HubOptions } from "./hub-context.ts"
import { HubStore } from "./hub-store.ts"
import type { HubStub } from "./objects.ts"

/** Each takes some 80 to 100 KB of the 128 MB that an object's isolate has. */
const MOST_SOCKETS = 1_000
/** What a client sends to show that it is there; the runtime answers by itself. */
const [PING, PONG] = ["ping", "pong"]
/** Set by the Worker where it reads for a client of server-sent events. */
const STREAM_HEADER = "X-Selvedge-Stream"

const NAME_KEY = "name"

/** A subclass says what its backend's hubs are made of. */
export abstract class HubObject extends DurableObject implements HubStub {
  protected abstract options(): Promise<HubOptions>
  #hub: Promise<Hub> | undefined
  #wakesAt: number | undefined

  /** @returns 101 with a socket, or 503 when the hub is full. */
  override async fetch(request: Request): Promise<Response> {
    const hub = await this.#open()
    if (this.ctx.getWebSockets().length >= MOST_SOCKETS || !hub.hasRoom) return new Response(null, { status: 503 })
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    hub.welcome(server, request.headers.get(STREAM_HEADER) === "1")
    return new Response(null, { status: 101, webSocket: client })
  }

  async deliver(push: Push): Promise<number> {
    return (await this.#open()).deliver(push)
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    await (await this.#open()).message(socket, message)
  }

  /** Closes our side too: the client would wait for it. */
  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    closeAs(socket, code, reason)
    await (await this.#open()).closed(socket)
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await (await this.#open()).closed(socket)
  }

  override async alarm(): Promise<void> {
    this.#wakesAt = undefined
    await (await this.#open()).alarm()
  }

  #open(): Promise<Hub> {
    this.#hub ??= this.#create().catch((error: unknown) => {
      this.#hub = undefined
      throw error
    })
    return this.#hub
  }

  /** Loaded when it is first needed: most isolates hold no hub. */
  async #create(): Promise<Hub> {
    const { ctx } = this
    const { Hub } = await import("./hub.ts")
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
    this.#wakesAt = (await ctx.storage.getAlarm()) ?? undefined
    const platform = {
      name: this.#name(),
      store: new HubStore(ctx.storage.sql),
      sockets: () => ctx.getWebSockets(),
      pingedAt: (socket: WebSocket) => ctx.getWebSocketAutoResponseTimestamp(socket),
      wakeAt: (at: number) => {
        if (at === Number.POSITIVE_INFINITY || (this.#wakesAt !== undefined && this.#wakesAt <= at)) return
        this.#wakesAt = at
        void ctx.storage.setAlarm(at)
      },
    }
    return new Hub(platform, await this.options())
  }

  /** An object that an alarm wakes isn't told its name everywhere. */
  #name(): string {
    const { id, storage } = this.ctx
    const kept = storage.kv.get<string>(NAME_KEY)
    if (kept !== undefined) return kept
    storage.kv.put(NAME_KEY, id.name!)
    return id.name!
  }
}

/** 1005 and 1006 say that no code came; they can't be sent. */
function closeAs(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code === 1005 || code === 1006 ? 1000 : code, reason)
  } catch {
    // it is closed already, or the code is one that can't be sent
  }
}

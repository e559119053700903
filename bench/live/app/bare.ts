/** What Selvedge is compared with: an object that sends each message to its hibernating sockets, and checks nothing. */

import { DurableObject } from "cloudflare:workers"

interface Env {
  ROOM: DurableObjectNamespace<Room>
}

const ACK = '{"ack":1}'

export class Room extends DurableObject<Env> {
  override fetch(request: Request): Response {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    // how many objects there are, for a message that comes from here
    server.serializeAttachment(new URL(request.url).searchParams.get("rooms"))
    return new Response(null, { status: 101, webSocket: client })
  }

  override async webSocketMessage(socket: WebSocket, message: string): Promise<void> {
    const rooms = Number(socket.deserializeAttachment())
    const others = Array.from({ length: rooms }, (_, n) => String(n)).filter((name) => name !== this.ctx.id.name)
    this.broadcast(message)
    await Promise.all(others.map((name) => this.env.ROOM.getByName(name).broadcast(message)))
    socket.send(ACK)
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    socket.close(code, reason)
  }

  broadcast(message: string): void {
    for (const socket of this.ctx.getWebSockets()) socket.send(message)
  }
}

export default {
  fetch(request, { ROOM }) {
    return ROOM.getByName(new URL(request.url).searchParams.get("room") ?? "0").fetch(request)
  },
} satisfies ExportedHandler<Env>

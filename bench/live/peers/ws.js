/** The same as `app/bare.ts` on Node, with ws. */

import { once } from "node:events"
import { WebSocketServer } from "ws"

const ACK = '{"ack":1}'

export async function start() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const message = data.toString()
      for (const client of server.clients) client.send(message)
      socket.send(ACK)
    })
  })
  await once(server, "listening")
  return server.address().port
}

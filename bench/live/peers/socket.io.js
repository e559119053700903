/** The same as `app/bare.ts` on Node, with socket.io. */

import { once } from "node:events"
import { createServer } from "node:http"
import { Server } from "socket.io"

export async function start() {
  const http = createServer()
  const server = new Server(http, { transports: ["websocket"], perMessageDeflate: false })
  server.on("connection", (socket) => {
    socket.on("publish", (message, acknowledge) => {
      server.emit("message", message)
      acknowledge()
    })
  })
  http.listen(0, "127.0.0.1")
  await once(http, "listening")
  return http.address().port
}

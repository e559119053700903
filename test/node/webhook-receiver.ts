/**
 * A receiver of webhooks as a process of its own: `node webhook-receiver.ts PORT`, over IPC. It is told the secret of each
 * path, tells of every call, and answers as the path says.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { setTimeout as wait } from "node:timers/promises"
import { Webhook } from "standardwebhooks"

export interface Call {
  path: string
  id: string
  /** What the library makes of it; undefined where it refuses the signature. */
  message: { type: string; timestamp: string; data: Record<string, unknown> } | undefined
  /** Names of all headers. */
  headers: string[]
}

/** How much of an answer had left when the other side closed. */
export interface Cut {
  path: string
  bytes: number
}

const GIGABYTE = 1_000_000_000
const CHUNK = Buffer.alloc(65_536, "x")
const DRIP_EVERY_MS = 500

const [port] = process.argv.slice(2)
let secrets: Record<string, string> = {}

const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
  "/ok": (_, response) => response.end("ok"),
  "/hang": () => {},
  "/reset": (request) => request.socket.resetAndDestroy(),
  "/broken": (_, response) => response.writeHead(500).end("out of paper"),
  "/away": (_, response) => response.writeHead(302, { Location: `http://127.0.0.1:${port}/private` }).end(),
  "/huge": sendHuge,
  "/drip": async (_, response) => {
    while (!response.destroyed) {
      response.write(".")
      await wait(DRIP_EVERY_MS)
    }
  },
}

createServer(async (request, response) => {
  const path = new URL(request.url!, "http://receiver").pathname
  const body = Buffer.concat(await request.toArray()).toString()
  const id = String(request.headers["webhook-id"])
  const call: Call = { path, id, message: verify(path, body, request), headers: Object.keys(request.headers) }
  process.send!({ call })
  const answer = answers[path]
  if (answer) answer(request, response)
  else response.writeHead(404).end()
}).listen(Number(port), "127.0.0.1", () => process.send!({ ready: true }))

process.on("message", (message: Record<string, string>) => {
  secrets = message
})

function verify(path: string, body: string, { headers }: IncomingMessage): Call["message"] {
  try {
    return new Webhook(secrets[path]!).verify(body, headers as Record<string, string>) as Call["message"]
  } catch {
    return undefined
  }
}

async function sendHuge(_: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0
  let isOpen = true
  response.on("close", () => {
    isOpen = false
    process.send!({ cut: { path: "/huge", bytes } satisfies Cut })
  })
  response.writeHead(200, { "Content-Length": GIGABYTE })
  while (isOpen && bytes < GIGABYTE) {
    bytes += CHUNK.length
    if (!response.write(CHUNK)) await Promise.race([new Promise((done) => response.once("drain", done)), wait(50)])
  }
}

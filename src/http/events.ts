/** Live queries as server-sent events (WHATWG HTML, section 9.2): what a hub tells a client, written as it comes. */

import type { Context } from "hono"
import type { Collection } from "../access/model.ts"
import { tokenOf } from "../auth/authenticate.ts"
import { CLOSE } from "../live/close-codes.ts"
import { clientOf, type Hubs } from "../live/hub-choice.ts"
import { planLive } from "../live/plan.ts"
import { readQueryPosition } from "../live/position.ts"
import { EVENT_STREAM } from "./accept.ts"
import type { AppEnv } from "./context.ts"
import { reply } from "./reply.ts"

/** Proxies give up on answers that stay silent for a minute or less; a reader that takes nothing for so long is gone. */
const HEARTBEAT_MS = 15_000
/** A hub hears from a stream as often as from any client that is there. */
const PING_MS = 10_000
/** That a reader may leave unread; a message of any length fits when nothing is. */
const MOST_UNREAD_BYTES = 1024 * 1024
const DONE = 1000
const QUERY_ID = "stream"
const HEADERS = { "Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no" }

interface Message {
  readonly type: string
  readonly seq?: string
  readonly retry?: number
}

/** @throws SelvedgeError as the list of the collection does, and `invalid_query` for what can't be followed. */
export async function answerEvents(c: Context<AppEnv>, collection: Collection, hubs: Hubs): Promise<Response> {
  const state = c.get("state")
  const request = c.req.raw
  const { search } = new URL(request.url)
  planLive(state.records.collections, state.caller, collection.name, { search })
  if (request.method === "HEAD") return reply(state, null, 200, HEADERS)
  const { webSocket } = await hubs.open({ ...clientOf(request), isStream: true })
  return reply(state, eventsOf(webSocket, firstFrames(request.headers, collection, search)), 200, HEADERS)
}

function firstFrames(headers: Headers, { name }: Collection, search: string): object[] {
  const token = tokenOf(headers.get("Authorization") ?? "")
  const since = headers.get("Last-Event-ID")
  return [
    ...(token === undefined ? [] : [{ type: "auth", token }]),
    { type: "query", id: QUERY_ID, collection: name, search, ...(readQueryPosition(since) && { since }) },
  ]
}

/** @param frames Are sent to the hub first. */
export function eventsOf(socket: WebSocket, frames: readonly object[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const timers: ReturnType<typeof setInterval>[] = []
  let controller: ReadableStreamDefaultController<Uint8Array>
  let isOpen = true
  let written = 0
  let readBefore = 0

  function start(given: typeof controller): void {
    controller = given
    socket.addEventListener("message", take)
    socket.addEventListener("close", () => end(DONE))
    socket.addEventListener("error", () => end(DONE))
    socket.accept()
    for (const frame of frames) socket.send(JSON.stringify(frame))
    timers.push(setInterval(beat, HEARTBEAT_MS))
    timers.push(setInterval(() => socket.send("ping"), PING_MS))
  }

  function take({ data }: MessageEvent): void {
    if (data === "pong") return
    const parsed = JSON.parse(String(data)) as Message | Message[]
    const messages = Array.isArray(parsed) ? parsed : [parsed]
    write(eventsText(messages))
    if (messages.some(({ type }) => type === "problem")) end(DONE)
  }

  /** The runtime doesn't always tell that a reader has gone, by `cancel` or otherwise: it only stops reading. */
  function beat(): void {
    const unread = MOST_UNREAD_BYTES - controller.desiredSize!
    const isStuck = unread > 0 && written - unread === readBefore
    readBefore = written - unread
    if (isStuck) end(CLOSE.slow)
    else write(": ping\n\n")
  }

  function write(text: string): void {
    if (!isOpen || text === "") return
    const bytes = encoder.encode(text)
    if (controller.desiredSize! > 0) {
      written += bytes.byteLength
      controller.enqueue(bytes)
    } else end(CLOSE.slow)
  }

  /** What is unread stays to be read: whoever was too slow goes on after it. */
  function end(code: number): void {
    if (!isOpen) return
    leave(code)
    controller.close()
  }

  function leave(code: number): void {
    isOpen = false
    for (const timer of timers) clearInterval(timer)
    socket.close(code)
  }

  const bounds = new ByteLengthQueuingStrategy({ highWaterMark: MOST_UNREAD_BYTES })
  return new ReadableStream<Uint8Array>({ start, cancel: () => leave(DONE) }, bounds)
}

/** Whoever is cut off goes on after the `id` that came last: of what shares one, only the end may tell it. */
function eventsText(messages: readonly Message[]): string {
  const texts = messages.map((message, place) => {
    const { type, seq, retry } = message
    if (type === "ready") return `retry: ${retry}\n\n`
    const isLast = seq !== undefined && messages[place + 1]?.seq !== seq
    return `event: ${type}\ndata: ${JSON.stringify(message)}\n${isLast ? `id: ${seq}\n` : ""}\n`
  })
  return texts.join("")
}

/** One WebSocket: opened, listened to, and found out when it is dead. */

import type { ServerMessage } from "./frames.ts"

const PING_MS = 10_000
/** Less than between two pings, so that each is judged before the next. */
const ANSWER_WITHIN_MS = 6_000
const OPEN = 1

export interface SocketEvents {
  take(messages: readonly ServerMessage[]): void
  /** It has answered a ping. */
  alive(): void
  /** Once, unless it was closed from here. Without a code nobody has said goodbye. */
  lost(code?: number): void
}

export interface Socket {
  send(text: string): void
  /** Lost, unless something comes within the time. */
  probe(withinMs?: number): void
  close(): void
}

/** @throws what the constructor throws where sockets are forbidden. */
export function openSocket(Constructor: typeof WebSocket, url: string, events: SocketEvents): Socket {
  const socket = new Constructor(url)
  const pulse = setInterval(() => probe(), PING_MS)
  let deadline = setTimeout(lose, ANSWER_WITHIN_MS)
  let isOver = false

  socket.addEventListener("message", ({ data }) => {
    if (isOver) return
    clearTimeout(deadline)
    if (data === "pong") events.alive()
    else events.take([JSON.parse(data as string)].flat())
  })
  socket.addEventListener("close", ({ code }) => lose(code))
  socket.addEventListener("error", () => lose())

  function probe(withinMs = ANSWER_WITHIN_MS): void {
    if (socket.readyState !== OPEN) return
    clearTimeout(deadline)
    deadline = setTimeout(lose, withinMs)
    socket.send("ping")
  }

  function lose(code?: number): void {
    if (isOver) return
    close()
    events.lost(code)
  }

  function close(): void {
    isOver = true
    clearInterval(pulse)
    clearTimeout(deadline)
    socket.close()
  }

  return {
    probe,
    close,
    send(text) {
      if (socket.readyState === OPEN) socket.send(text)
    },
  }
}
